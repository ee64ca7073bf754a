"""The compiled codec and the reference reader, on random layouts and values, whole and damaged.

Both must write the same octets, read the value back, and refuse the same damage with the same words.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lrpc.runtime.ndr import compiler, reference_rules
from lrpc.runtime.ndr.blank import blank
from lrpc.runtime.ndr.compiler import NOTHING, Codec
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.json_form import from_json, to_json
from lrpc.runtime.ndr.layout import Converted, Encoding, FullPtr, Parameters
from lrpc.runtime.ndr.layout_samba import Subcontext
from lrpc.runtime.ndr.places import REREAD_STEPS, RULES
from lrpc.runtime.ndr.referents import Carried, Referents
from lrpc.runtime.ndr.shape import contains, parts
from lrpc.runtime.ndr.strictness import DEFAULT, LEVELS, OPTIONS, Strictness

often = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # to shrink a type takes minutes, and the failure shows it
    suppress_health_check=list(HealthCheck),
)


def _module(name: str) -> Any:
    """A module beside this one: importmode=importlib puts no folder on the search path."""
    full = f"ndr_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


@functools.cache
def _kinds() -> Any:
    """The class that draws types with all words."""
    plain = _module("random_kinds")
    return _module("random_words").more(plain.Kinds, plain.record)


@functools.cache
def _samba_kinds() -> Any:
    """The same with the words of Samba's NDR."""
    return _module("random_samba").samba(_kinds(), _module("random_kinds").record)


class Pair:
    """Both readers of one type, in one encoding."""

    def __init__(
        self,
        parameters: Parameters,
        outer: Parameters,
        given: list[Any],
        encoding: Encoding,
        strictness: Strictness = DEFAULT,
    ) -> None:
        self.parameters = parameters
        self.strictness = strictness
        self.outer = {field.name: value for field, value in zip(outer.fields, given, strict=True)}
        self.given = given
        self.codec = Codec(parameters, outer, encoding, strictness)
        self.encoding = encoding

    def encoded(self, values: list[Any]) -> tuple[bytes | Refused, bytes | Refused]:
        """The octets of both, or why one refuses."""
        named = {field.name: value for field, value in zip(self.parameters.fields, values, strict=True)}
        return (
            outcome(lambda: b"".join(self.codec.encode(values, self.given))),
            outcome(lambda: self.parameters.build(named, encoding=self.encoding, outer=self.outer)),
        )

    def decoded(self, stub: bytes) -> tuple[list[Any] | Refused, list[Any] | Refused]:
        """The values of both, or why one refuses."""
        words = {"encoding": self.encoding, "outer": self.outer, "strictness": self.strictness}
        return (
            outcome(lambda: list(self.codec.decode(stub, self.given))),
            outcome(lambda: list(self.parameters.parse(stub, **words).values())),
        )


@dataclasses.dataclass(frozen=True)
class Refused:
    """All that an NdrError says."""

    text: str
    path: str
    offset: int | None
    rule: str
    status: int


def outcome(call: Callable[[], Any]) -> Any:
    """What a reader gives, or all that it says when it refuses."""
    try:
        return call()
    except NdrError as error:
        return Refused(str(error), error.path, error.offset, error.rule, error.status)


def same(ours: Any, theirs: Any, stub: bytes) -> bool:
    """Do both say the same? Of stubs with many fields, or items without octets, the codec says it in its own words.

    Of a long stub with two faults it may tell the other one.
    """
    if len(stub) > REREAD_STEPS and isinstance(theirs, Refused):
        return isinstance(ours, Refused)
    if isinstance(ours, Refused) and isinstance(theirs, Refused) and ours != theirs:
        return ours.status == theirs.status and any(reason in ours.text for reason in RULES)
    return repr(ours) == repr(theirs)


def damaged(stub: bytes, chance: random.Random) -> bytes:
    """The stub cut short, extended, or with other octets in it."""
    octets = bytearray(stub)
    form = chance.randrange(4)
    if form == 0:
        return bytes(octets[: chance.randint(0, len(octets))])
    if form == 1:
        return bytes(octets) + chance.choice((b"\0", b"\xff")) * chance.randint(1, 9)
    # of several faults in a stub that is too long to be explained the codec may meet another one first
    for _ in range(chance.randint(1, 3) if len(octets) <= REREAD_STEPS else 1):
        if octets:
            octets[chance.randrange(len(octets))] = chance.choice((0, 1, 2, 3, 4, 8, 0x7F, 0x80, 0xFF, 0x02))
    return bytes(octets)


def drawn(chance: random.Random) -> tuple[Parameters, Parameters, list[Any], list[Any]]:
    """Random parameters, those of the other direction, and values for both."""
    kinds = chance.choice((_kinds, _samba_kinds))()
    parameters, outer, make = kinds(chance).parameters(chance.randint(1, 3))
    return parameters, outer, *make()


def spoiled(value: Any, chance: random.Random) -> Any:
    """The value with something else in one place."""
    names = [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    if names and chance.random() < 0.9:
        name = chance.choice(names)
        return dataclasses.replace(value, **{name: spoiled(getattr(value, name), chance)})
    if isinstance(value, list) and value and chance.random() < 0.9:
        at = chance.randrange(len(value))
        return [*value[:at], spoiled(value[at], chance), *value[at + 1 :]]
    return chance.choice(("x", None, -1, 1 << 70, 3.5, [], [1], b"ab", {}, object(), 1, True))


def in_a_circle(value: Any) -> bool:
    """Do full pointers lead to what contains them? Python compares such values without end."""
    return "..." in repr(value)


def form(parameters: Parameters, values: Any, given: dict[str, Any]) -> str:
    """The values as text that says which full pointers lead to the same object, as JSON does."""
    if isinstance(values, Refused):
        return str(values)
    found = outcome(lambda: to_json(parameters, named(parameters, values), outer=given))
    return found.text if isinstance(found, Refused) else json.dumps(found)


def ids_apart(parameters: Parameters) -> bool:
    """Are there full pointers in contexts? What those and others share is sent twice."""
    return any(isinstance(part, Subcontext) and contains(part, FullPtr) for part in parts(parameters))


def named(parameters: Parameters, values: Any) -> dict[str, Any]:
    return {field.name: value for field, value in zip(parameters.fields, values, strict=True)}


def check_values(chance: random.Random) -> None:
    """Both write the same octets and read the value back, in all encodings."""
    parameters, outer, values, given = drawn(chance)
    for encoding in Encoding:
        pair = Pair(parameters, outer, given, encoding)
        ours = b"".join(pair.codec.encode(values, given))
        assert (ours, ours) == pair.encoded(values)
        read = pair.decoded(ours)
        texts = {form(parameters, found, pair.outer) for found in (*read, values)}
        assert len(texts) == 1 or ids_apart(parameters)
        assert in_a_circle(values) or read == (values, values)


def check_damage(chance: random.Random) -> None:
    """Both refuse damaged octets for the same reason, or both read the same from them."""
    parameters, outer, values, given = drawn(chance)
    for encoding in Encoding:
        pair = Pair(parameters, outer, given, encoding)
        whole = pair.encoded(values)[1]
        for _ in range(12):
            stub = damaged(whole, chance)
            ours, theirs = pair.decoded(stub)
            assert same(ours, theirs, stub), stub.hex(" ")
            if not isinstance(ours, Refused):
                assert form(parameters, ours, pair.outer) == form(parameters, theirs, pair.outer), stub.hex(" ")


def lenient(chance: random.Random) -> Strictness:
    """A strictness with any leniencies."""
    options = {name: chance.random() < 0.5 for name in OPTIONS}
    return Strictness(chance.choice(LEVELS), trailing=chance.choice((None, 0, 8)), **options)


def check_leniency(chance: random.Random) -> None:
    """Both overlook the same, whatever they were told to overlook."""
    parameters, outer, values, given = drawn(chance)
    for encoding in Encoding:
        whole = Pair(parameters, outer, given, encoding).encoded(values)[1]
        pair = Pair(parameters, outer, given, encoding, lenient(chance))
        for _ in range(12):
            stub = damaged(whole, chance)
            ours, theirs = pair.decoded(stub)
            assert same(ours, theirs, stub) or in_a_circle(theirs), f"{stub.hex(' ')} {pair.strictness}"


def check_wrong_values(chance: random.Random) -> None:
    """Both refuse wrong values for the same reason, or both write the same."""
    parameters, outer, values, given = drawn(chance)
    for encoding in Encoding:
        pair = Pair(parameters, outer, given, encoding)
        for _ in range(6):
            wrong = spoiled(values, chance)
            ours, theirs = pair.encoded(wrong) if isinstance(wrong, list) and len(wrong) == len(values) else (0, 0)
            assert ours == theirs, wrong


def check_json_form(chance: random.Random) -> None:
    """The JSON form of a value gives the value back, or one with the same form: null has two meanings."""
    parameters, outer, values, given = drawn(chance)
    named = {field.name: value for field, value in zip(parameters.fields, values, strict=True)}
    beside = {field.name: value for field, value in zip(outer.fields, given, strict=True)}
    text = json.dumps(to_json(parameters, named, outer=beside))
    back = from_json(parameters, json.loads(text), outer=beside)
    assert in_a_circle(named) or back == named or "null" in text
    assert json.dumps(to_json(parameters, back, outer=beside)) == text


def check_blank(chance: random.Random) -> None:
    """A type has a blank value, or what its siblings say has none; both readers agree about it."""
    parameters, outer, _, given = drawn(chance)
    beside = {field.name: value for field, value in zip(outer.fields, given, strict=True)}
    value = outcome(lambda: blank(parameters, beside))
    for encoding in () if isinstance(value, Refused) else Encoding:
        ours, theirs = Pair(parameters, outer, given, encoding).encoded(list(value.values()))
        assert ours == theirs


def check_depth(chance: random.Random) -> None:
    """Both find the same structures too deep, when that is soon."""
    parameters, outer, values, given = drawn(chance)
    limit, encoding = chance.randint(0, 2), chance.choice(list(Encoding))
    whole = parameters.build(
        named(parameters, values), encoding=encoding, outer=Pair(parameters, outer, given, encoding).outer
    )
    with pytest.MonkeyPatch.context() as patch:
        for module in (compiler, reference_rules):
            patch.setattr(module, "MAX_DEPTH", limit)
        patch.setitem(compiler._SUPPORT, "MAX_DEPTH", limit)
        pair = Pair(parameters, outer, given, encoding)
        ours, theirs = pair.encoded(values)
        assert ours == theirs
        assert same(*pair.decoded(whole), whole)


class CompiledCall:
    """A call whose response gives back what the request brought, by the codec."""

    def __init__(self, parameters: Parameters, values: list[Any], encoding: Encoding) -> None:
        self.codecs = Codec(parameters, NOTHING, encoding), Codec(parameters, parameters, encoding)
        self.sent = Carried(values)
        self.referents = self.sent.referents

    def request(self) -> bytes:
        return b"".join(self.codecs[0].encode(self.sent))

    def response(self, stub: bytes) -> bytes:
        given = self.codecs[0].decode(stub)
        return b"".join(self.codecs[1].encode(given, given))

    def result(self, octets: bytes) -> list[Any]:
        return list(self.codecs[1].decode(octets, self.sent))


class ReferenceCall:
    """The same by the reference reader."""

    def __init__(self, parameters: Parameters, values: list[Any], encoding: Encoding) -> None:
        self.parameters = parameters
        self.values = named(parameters, values)
        self.encoding = encoding
        self.referents = Referents()

    def request(self) -> bytes:
        return self.parameters.build(self.values, encoding=self.encoding, referents=self.referents)

    def response(self, stub: bytes) -> bytes:
        referents = Referents()
        given = self.parameters.parse(stub, encoding=self.encoding, referents=referents)
        return self.parameters.build(given, encoding=self.encoding, outer=given, referents=referents)

    def result(self, octets: bytes) -> list[Any]:
        given = {"encoding": self.encoding, "outer": self.values, "referents": self.referents}
        return list(self.parameters.parse(octets, **given).values())


def objects(value: Any) -> set[int]:
    """The identities of all that a value holds."""
    met: dict[int, Any] = {}
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if id(inner) not in met:
            met[id(inner)] = inner
            fields = dataclasses.fields(inner) if dataclasses.is_dataclass(inner) else ()
            waiting += inner if isinstance(inner, list) else [getattr(inner, field.name) for field in fields]
    return set(met)


def check_both_directions(chance: random.Random) -> None:
    """Both give an object the same id in the response as in the request, and the client gets its own objects back."""
    parameters, outer, values, _ = drawn(chance)
    if outer.fields:
        return
    text = form(parameters, values, {})
    new = contains(parameters, Converted) or contains(parameters, Subcontext)
    for encoding in Encoding:
        calls = [kind(parameters, values, encoding) for kind in (CompiledCall, ReferenceCall)]
        [request] = {call.request() for call in calls}
        [response] = {call.response(request) for call in calls}
        spoilt = damaged(response, chance)
        for call in calls:
            result = call.result(response)
            assert form(parameters, result, {}) == text or ids_apart(parameters)
            sent = {id(value) for _, value in call.referents.written.values()}
            assert sent <= objects(result) or new
        results = [outcome(lambda call=call, octets=spoilt: call.result(octets)) for call in calls]
        assert same(*results, spoilt)
        for call in calls:
            call.referents.restore()
        assert form(parameters, values, {}) == text


CHECKS = [
    check_values,
    check_damage,
    check_leniency,
    check_depth,
    check_wrong_values,
    check_both_directions,
    check_json_form,
    check_blank,
]


@pytest.mark.parametrize("check", CHECKS)
@often
@given(chance=st.randoms(use_true_random=False))
def test_both_readers_agree(check, chance):
    check(chance)
