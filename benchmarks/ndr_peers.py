"""The same work by others: 100 records {long, double, unique string} through construct, impacket, pickle and protobuf.

A piece of work is one encoding and one decoding. What construct and impacket encode is made beforehand, and what they
decode stays in their own objects, unless it says otherwise; pickle and protobuf go from the stub's objects to octets
and back to such objects.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Sequence
from typing import Any

import construct

from .measure import Work

FIRST_REFERENT = 0x20000


def missing() -> list[str]:
    """The peers that are not installed."""
    return [name for name in ("impacket", "protobuf") if not _installed(name)]


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec({"protobuf": "google.protobuf"}.get(name, name)) is not None
    except ModuleNotFoundError:  # the package that it would be in
        return False


def slow(records: Sequence[Any], octets: bytes) -> dict[str, Work]:
    """Those that take the same octets; checked to read from `octets` what is in the records."""
    found = _construct(records, octets)
    if _installed("impacket"):
        found |= _impacket(records, octets)
    return found


def fast(records: Sequence[Any]) -> dict[str, Work]:
    """Those that have octets of their own; checked to give the records back."""

    def pickled() -> object:
        return pickle.loads(pickle.dumps(records, 5))

    found: dict[str, Work] = {"pickle 5": pickled}
    if _installed("protobuf"):
        found["protobuf"] = _protobuf(records)
    for work in found.values():
        assert work() == records
    return found


# Peers of the same octets


def _construct(records: Sequence[Any], octets: bytes) -> dict[str, Work]:
    """construct's own words, as they are and compiled by construct."""
    this, count = construct.this, len(records)
    fields = (
        "number" / construct.Int32sl,
        construct.Padding(4),
        "share" / construct.Float64l,
        "referent" / construct.Int32ul,
    )
    record, last = construct.Struct(*fields, construct.Padding(4)), construct.Struct(*fields)
    name = construct.Struct(
        "maximum" / construct.Int32ul,
        "offset" / construct.Int32ul,
        "actual" / construct.Int32ul,
        "text" / construct.StringEncoded(construct.Bytes(this.actual * 2), "utf-16-le"),
        construct.Padding(this.actual % 2 * 2),
    )
    whole = construct.Struct(
        "n" / construct.Int32ul,
        "maximum" / construct.Int32ul,
        "records" / record[count - 1],  # NDR has gaps between items, none behind the last
        "last" / last,
        "names" / name[count],
    )
    compiled = whole.compile()
    value = _native(records)
    for peer in (whole, compiled):
        read = peer.parse(octets)
        assert [one.share for one in (*read.records, read.last)] == [one.share for one in records]
        assert [one.text for one in read.names] == [one["text"] for one in value["names"]]
        assert peer.build(value) == octets
    return {
        "construct interpreted": lambda: whole.parse(whole.build(value)),
        "construct compiled": lambda: compiled.parse(compiled.build(value)),
    }


def _native(records: Sequence[Any]) -> dict[str, Any]:
    """The value for construct."""
    referents = range(FIRST_REFERENT, FIRST_REFERENT + 4 * len(records), 4)
    *rest, last = [
        {"number": one.number, "share": one.share, "referent": referent}
        for one, referent in zip(records, referents, strict=True)
    ]
    return {
        "n": len(records),
        "maximum": len(records),
        "records": rest,
        "last": last,
        "names": [
            {"maximum": len(one.name) + 1, "offset": 0, "actual": len(one.name) + 1, "text": f"{one.name}\0"}
            for one in records
        ],
    }


def _impacket(records: Sequence[Any], octets: bytes) -> dict[str, Work]:
    """impacket's classes: as they are; then filled from the stub's objects, and read into such.

    They read `octets` right; what they write has a gap too many behind the maximum count.
    """
    from impacket.dcerpc.v5.dtypes import LPWSTR
    from impacket.dcerpc.v5.ndr import NDRCALL, NDRDOUBLEFLOAT, NDRLONG, NDRSTRUCT, NDRUniConformantArray

    class Record(NDRSTRUCT):  # type: ignore[misc]
        structure = (("number", NDRLONG), ("share", NDRDOUBLEFLOAT), ("name", LPWSTR))

    class RecordArray(NDRUniConformantArray):  # type: ignore[misc]
        item = Record

    class Put(NDRCALL):  # type: ignore[misc]
        structure = (("n", NDRLONG), ("records", RecordArray))

    def filled() -> Any:
        put = Put()
        put["n"] = len(records)
        for one in records:
            record = Record()
            record["number"], record["share"], record["name"] = one.number, one.share, f"{one.name}\0"
            put["records"].append(record)
        return put

    def read(put: Any) -> object:
        make = type(records[0])
        return [make(one["number"], one["share"], one["name"][:-1]) for one in put["records"]]

    put = filled()
    assert read(Put(octets)) == records
    return {
        "impacket": lambda: (put.getData(), Put(octets)),
        "impacket, filled and read": lambda: (filled().getData(), read(Put(octets))),
    }


# Peers with octets of their own


def _protobuf(records: Sequence[Any]) -> Work:
    """protobuf: a message of records, filled from the stub's objects and emptied into such."""
    message, make = _message(), type(records[0])

    def work() -> object:
        filled = message()
        add = filled.records.add
        for one in records:
            add(number=one.number, share=one.share, name=one.name)
        read = message.FromString(filled.SerializeToString())
        return [make(one.number, one.share, one.name) for one in read.records]

    return work


def _message() -> Any:
    """`message Records { repeated Record records = 1; }`, without a file or its compiler."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="records.proto", package="records", syntax="proto2")
    record = file.message_type.add(name="Record")
    kinds = (("number", field.TYPE_INT32), ("share", field.TYPE_DOUBLE), ("name", field.TYPE_STRING))
    for number, (name, kind) in enumerate(kinds, 1):
        record.field.add(name=name, number=number, type=kind, label=field.LABEL_OPTIONAL)
    whole = file.message_type.add(name="Records")
    whole.field.add(
        name="records", number=1, type=field.TYPE_MESSAGE, type_name=".records.Record", label=field.LABEL_REPEATED
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("records.Records"))


def implementation() -> str:
    """Which protobuf this is: `upb` is the one in C."""
    if not _installed("protobuf"):
        return "not installed"
    from google.protobuf import __version__
    from google.protobuf.internal import api_implementation

    return f"{__version__} ({api_implementation.Type()})"
