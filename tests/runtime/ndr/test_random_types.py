"""Random types and values through the reference reader and the JSON form."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrpc.runtime.ndr.blank import blank
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.json_form import from_json, to_json
from lrpc.runtime.ndr.layout import Encoding

unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large]
often = settings(max_examples=200, deadline=None, suppress_health_check=unhurried)


@often
@given(data=st.data())
def test_value_comes_back_in_every_encoding(typed, data):
    layout, value = data.draw(typed)
    for encoding in Encoding:
        octets = layout.build(value, encoding=encoding)
        assert layout.parse(octets, encoding=encoding) == value


@often
@given(data=st.data())
def test_damaged_octets_give_a_value_or_an_ndr_error(typed, data):
    layout, value = data.draw(typed)
    encoding = data.draw(st.sampled_from(list(Encoding)))
    octets = bytearray(layout.build(value, encoding=encoding))
    for _ in range(3):
        if octets:
            octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        damaged = layout.parse(bytes(octets), encoding=encoding)
    except NdrError:
        return
    assert set(damaged) == set(value)


@often
@given(data=st.data())
def test_json_form_comes_back(typed, data):
    layout, value = data.draw(typed)
    assert from_json(layout, json.loads(json.dumps(to_json(layout, value)))) == value


@often
@given(data=st.data())
def test_blank_of_a_type_can_be_encoded(typed, data):
    layout, _ = data.draw(typed)
    value = blank(layout)
    assert layout.parse(layout.build(value)) == value
