"""Random types and values through the reference reader and the JSON form."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrpc.runtime.ndr.blank import blank
from lrpc.runtime.ndr.compiler import NOTHING, compiled
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.json_form import from_json, to_json
from lrpc.runtime.ndr.layout import Encoding

unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large]
often = settings(max_examples=200, deadline=None, suppress_health_check=unhurried)


def form(layout, value):
    """The value as text that says which full pointers lead to the same object."""
    return json.dumps(to_json(layout, value))


@often
@given(data=st.data())
def test_value_comes_back_in_every_encoding(typed, data):
    layout, value = data.draw(typed)
    for encoding in Encoding:
        octets = layout.build(value, encoding=encoding)
        assert form(layout, layout.parse(octets, encoding=encoding)) == form(layout, value)


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
    assert form(layout, from_json(layout, json.loads(form(layout, value)))) == form(layout, value)


@often
@given(data=st.data())
def test_blank_of_a_type_can_be_encoded(typed, data):
    layout, _ = data.draw(typed)
    value = blank(layout)
    assert layout.parse(layout.build(value)) == value


@often
@given(data=st.data())
def test_codec_writes_and_reads_the_same(typed, data):
    layout, value = data.draw(typed)
    for encoding in Encoding:
        codec = compiled(layout, NOTHING, encoding)
        octets = b"".join(codec.encode(list(value.values())))
        assert octets == layout.build(value, encoding=encoding)
        read = dict(zip(value, codec.decode(octets), strict=True))
        assert form(layout, read) == form(layout, value)
