"""What is fuzzed: the types of `family.idl` and `samba.idl` in three encodings, and the parsers of PDUs.

A subject takes any octets. It raises AssertionError for octets that the two readers of NDR see in two ways, or
that do not survive being written again; whatever else it lets out is a finding too. `target.py` gives it octets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from lrpc.rpcgen.load import load
from lrpc.runtime.ncacn.errors import PduError
from lrpc.runtime.ncacn.pdu import parse_pdu
from lrpc.runtime.ncalrpc.association import BindRequested, ClientAssociation, ServerAssociation, State
from lrpc.runtime.ncalrpc.messages import (
    Bind,
    MessageError,
    SyntaxId,
    parse_callback_fault,
    parse_fault,
    parse_request,
    parse_response,
)
from lrpc.runtime.ndr.compiler import Codec
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.json_form import from_json
from lrpc.runtime.ndr.layout import Encoding, Parameters

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
"""SUBJECT.LABEL: octets for a subject; .value for a valid one, .crash-HASH for what was found."""
VALUES: dict[str, dict[str, Any]] = json.loads((HERE / "values.json").read_text())
"""By operation: a value of its request, and of its response where that is fuzzed."""
INTERFACE = SyntaxId(UUID("12345678-1234-5678-9abc-def012345678"), 1, 0)
UNSENT = ("is no text without NUL", "is outside 0..32767 (C706 14.2.5)")
"""What the writers say of values that the readers take: they are stricter with texts and 16-bit enumerations."""


class Direction:
    """One direction of an operation in one encoding: what both readers make of octets."""

    def __init__(
        self,
        parameters: Parameters,
        outer: Parameters,
        given: dict[str, Any],
        encoding: Encoding,
        computes: bool,
    ) -> None:
        self.parameters = parameters
        self.encoding = encoding
        self.given = given
        self.computes = computes
        self.codec = Codec(parameters, outer, encoding)

    def __call__(self, octets: bytes) -> None:
        """Read, compare, write, read again."""
        values = self.both(octets)
        if values is None:
            return
        again = self._read_again(values)
        if again is not None and self.computes:  # what is computed when it is written may have been anything
            values, again = again, self._read_again(again)
        assert again is None or repr(again) == repr(values), f"{again!r} from what was read as {values!r}"

    def _read_again(self, values: list[Any]) -> list[Any] | None:
        """The values written and read; None for what is taken but never sent."""
        octets = self.written(values)
        if isinstance(octets, str):
            assert any(reason in octets for reason in UNSENT), f"{octets}, though it was read: {values!r}"
            return None
        again = self.both(octets)
        assert again is not None, f"cannot be read: {octets.hex(' ')}"
        return again

    def both(self, octets: bytes) -> list[Any] | None:
        """The values that both readers find; None for an error, which has to be the same."""
        ours, theirs = _outcome(self._decoded, octets), _outcome(self._parsed, octets)
        assert repr(ours) == repr(theirs), f"codec: {ours!r}\nreference: {theirs!r}"
        return None if isinstance(theirs, str) else theirs

    def written(self, values: list[Any]) -> bytes | str:
        """The octets that both writers make of values; the text of an error, which has to be the same."""
        ours, theirs = _outcome(self._encoded, values), _outcome(self._built, values)
        assert ours == theirs, f"codec: {ours!r}\nreference: {theirs!r}"
        return theirs

    def built(self, values: dict[str, Any]) -> bytes:
        """The octets of values by name."""
        return bytes(self.parameters.build(values, encoding=self.encoding, outer=self.given))

    def _decoded(self, octets: bytes) -> list[Any]:
        return list(self.codec.decode(octets, list(self.given.values())))

    def _parsed(self, octets: bytes) -> list[Any]:
        return list(self.parameters.parse(octets, encoding=self.encoding, outer=self.given).values())

    def _encoded(self, values: list[Any]) -> bytes:
        return b"".join(self.codec.encode(values, list(self.given.values())))

    def _built(self, values: list[Any]) -> bytes:
        return self.built({field.name: value for field, value in zip(self.parameters.fields, values, strict=True)})


def _outcome(call: Callable[[Any], Any], given: Any) -> Any:
    """What a call gives, or the text and the status of its NdrError, which may not hide that Python ran out of room."""
    try:
        return call(given)
    except NdrError as error:
        assert not isinstance(error.__cause__, RecursionError | MemoryError), repr(error.__cause__)
        return f"{error} {error.status:#x}"


class Subject(NamedTuple):
    """Something that takes octets; seed: valid octets for it, from `values.json`."""

    name: str
    check: Callable[[bytes], None]
    seed: bytes | None = None


def directions() -> Iterator[Subject]:
    """The types, in each encoding."""
    for file in ("family.idl", "samba.idl"):
        computes = file == "samba.idl"
        for operation in load(HERE / file).__interfaces__[0].operations:
            known = VALUES[operation.name]
            given = from_json(operation.request, known["request"])
            for encoding in Encoding:
                name = f"{operation.name}-{encoding.name.lower()}"
                request = Direction(operation.request, Parameters(), {}, encoding, computes)
                yield Subject(name, request, request.built(given))
                if "response" in known:
                    values = from_json(operation.response, known["response"], outer=given)
                    response = Direction(operation.response, operation.request, given, encoding, computes)
                    yield Subject(f"{name}-out", response, response.built(values))


def ncacn(octets: bytes) -> None:
    """A PDU, or a PduError; what was read is written and read again.

    Without its trailer: that is aligned by the padding it was sent with, and octets that are ignored before it are not
    sent again.
    """
    try:
        pdu = parse_pdu(octets)
    except PduError:
        return
    pdu.serialize()
    pdu.auth = None
    assert parse_pdu(pdu.serialize()) == pdu


def ncalrpc(octets: bytes) -> None:
    """The messages of LRPC, alone and to both ends of a port."""
    for parse in (Bind.parse, parse_request, parse_response, parse_fault, parse_callback_fault):
        try:
            parse(octets)
        except MessageError:
            continue
    for end in (ClientAssociation, ServerAssociation):
        for state in State:
            association = end()
            association.state = state
            association.receive(octets, memoryview(octets))
    client, server = ClientAssociation(), ServerAssociation()
    asked = server.receive(client.bind(INTERFACE))
    assert isinstance(asked, BindRequested)
    client.receive(octets)
    server.accept(asked)
    server.receive(octets, memoryview(octets))


def subjects() -> list[Subject]:
    """Everything that is fuzzed."""
    return [*directions(), Subject("ncacn", ncacn), Subject("ncalrpc", ncalrpc)]


def labelled() -> list[tuple[Path, str]]:
    """The files of the corpus and the names of their subjects."""
    return [(file, file.name.partition(".")[0]) for file in sorted(CORPUS.iterdir())]
