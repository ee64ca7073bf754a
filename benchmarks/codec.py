"""The codec compiler against construct: 100 records of {long, double, unique string}, encode and decode."""

from __future__ import annotations

from typing import Any

import construct

import lrpc
from lrpc.runtime.ndr.compiler import compiled
from lrpc.runtime.ndr.layout import Encoding

from .measure import Row, compare

IDL = """
[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f02), version(1.0), pointer_default(unique)]
interface Records {
    typedef struct { long number; double share; [unique, string] wchar_t *name; } Record;
    void Put([in] long n, [in, size_is(n)] Record records[]);
}
"""
COUNT = 100


def native() -> tuple[Any, dict[str, Any]]:
    """The same octets as a construct of construct's own words, and the value for it."""
    text = construct.Struct(
        "maximum" / construct.Int32ul,
        "offset" / construct.Int32ul,
        "actual" / construct.Int32ul,
        "text" / construct.Bytes(construct.this.actual * 2),
        construct.Padding(-construct.this.actual * 2 % 4),
    )
    record = construct.Struct(
        "number" / construct.Int32sl,
        construct.Padding(4),
        "share" / construct.Float64l,
        "referent" / construct.Int32ul,
        construct.Padding(4),
    )
    whole = construct.Struct(
        "n" / construct.Int32ul,
        "maximum" / construct.Int32ul,
        "records" / record[construct.this.n],
        "names" / text[construct.this.n],
    )
    names = [f"name number {i}\0".encode("utf-16-le") for i in range(COUNT)]
    value = {
        "n": COUNT,
        "maximum": COUNT,
        "records": [{"number": i, "share": float(i), "referent": 0x20000 + 4 * i} for i in range(COUNT)],
        "names": [{"maximum": len(n) // 2, "offset": 0, "actual": len(n) // 2, "text": n} for n in names],
    }
    return whole, value


def run() -> list[Row]:
    """The rows of the report."""
    stub: Any = lrpc.load(IDL)
    layout = stub.Records.interface.operation("Put").request
    codec = compiled(layout)
    records = [stub.Record(i, float(i), f"name number {i}") for i in range(COUNT)]
    values = (COUNT, records)
    named = {"n": COUNT, "records": records}
    whole, value = native()
    assert codec.decode(b"".join(codec.encode(values))) == values

    def ours() -> None:
        codec.decode(b"".join(codec.encode(values)))

    def reference() -> None:
        layout.parse(layout.build(named, encoding=Encoding.NDR), encoding=Encoding.NDR)

    def constructed() -> None:
        whole.parse(whole.build(value))

    fast = compare({"codec": ours}, each=100, rounds=30)["codec"]
    slow = compare({"reference": reference, "construct": constructed}, each=2, rounds=10)
    rows: list[Row] = []
    for name, goal in (("construct", 30), ("reference", 30)):
        ratio = slow[name].best / fast.best
        label = "construct's own Struct" if name == "construct" else "the same layout read by construct"
        rows.append(
            Row(f"100 records, times faster than {label}", f"{fast.best * 1e6:.0f} us",
                f"{slow[name].best * 1e6:.0f} us", ratio, f"at least {goal}", ratio >= goal, fast.noise)
        )  # fmt: skip
    return rows
