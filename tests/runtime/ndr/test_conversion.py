"""Conversions: the program's own functions, which may be set late and may fail."""

from __future__ import annotations

import pytest

from lrpc.runtime.ndr.compiler import compiled
from lrpc.runtime.ndr.conversion import Conversion
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.json_form import from_json, to_json
from lrpc.runtime.ndr.layout import ConformantArray, Converted, Long, Parameters


def fails(value: object) -> object:
    raise KeyError


def test_values_travel_as_they_are_until_functions_are_set():
    conversion = Conversion("C")
    value = object()
    assert conversion.outward(value) is conversion.inward(value) is value


def test_each_direction_is_set_by_itself():
    conversion = Conversion("C").use(to_wire=str)
    assert conversion.use(from_wire=int) is conversion
    assert (conversion.outward(5), conversion.inward("5")) == ("5", 5)


def test_functions_that_are_set_late_are_those_of_codecs_made_before():
    conversion = Conversion("C")
    parameters = Parameters("a" / ConformantArray(Converted(Long, conversion)))
    codec = compiled(parameters)
    stub = b"".join(codec.encode(([7],)))
    conversion.use(to_wire=lambda value: value - 1, from_wire=lambda wire: wire + 1)
    assert codec.decode(stub) == ([8],)
    assert parameters.parse(stub) == {"a": [8]}
    assert b"".join(codec.encode(([8],))) == parameters.build({"a": [8]}) == stub


def test_failure_of_a_function_is_an_ndr_error_with_its_cause():
    conversion = Conversion("C").use(to_wire=fails, from_wire=int)
    with pytest.raises(NdrError, match="conversion C: invalid literal") as caught:
        conversion.inward("x")
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(NdrError, match="conversion C: KeyError"):
        conversion.outward(5)


def test_both_readers_refuse_what_a_function_refuses():
    parameters = Parameters("a" / Converted(Long, Conversion("C").use(to_wire=fails, from_wire=fails)))
    for call in (
        lambda: compiled(parameters).decode(bytes(4)),
        lambda: parameters.parse(bytes(4)),
        lambda: compiled(parameters).encode((1,)),
        lambda: parameters.build({"a": 1}),
    ):
        with pytest.raises(NdrError) as caught:
            call()
        assert (caught.value.path, caught.value.reason) == ("a", "conversion C: KeyError")


def test_conversion_may_have_a_json_form_of_its_own():
    conversion = Conversion("C").use(to_wire=len, from_wire=str)
    layout = Converted(Long, conversion)
    assert (to_json(layout, "abc"), from_json(layout, 3)) == (3, "3")
    conversion.json = str.upper, str.lower
    assert (to_json(layout, "abc"), from_json(layout, "ABC")) == ("ABC", "abc")
    for use in (to_json, from_json):
        with pytest.raises(NdrError, match="conversion C: "):
            use(layout, 5)
