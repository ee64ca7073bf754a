"""Samba's stubs behind a pipe: a job a line as JSON on standard input, an answer a line on standard output.

Runs in the Python that Debian's python3-samba is for, which is another than the tests'; imports nothing of theirs.

A job {"module", "call", "side": "in" | "out", "octets", "request", "big", "wide"} has octets read and written again:
{"octets", "seen": every number and text that was read}, or {"error"}. With "values" in place of octets a call is made
of them first: {"$": "lsa.String", "string": "a"} is an object of Samba's. {"list": module} has the calls listed.
"""

import importlib
import json
import sys


def calls(module):
    """Operation numbers by the names of calls."""
    found = vars(importlib.import_module("samba.dcerpc." + module)).items()
    return {name: kind.opnum() for name, kind in found if hasattr(kind, "__ndr_pack_in__")}


def made(value):
    """An object of Samba's, or a plain value."""
    if isinstance(value, list):
        return [made(item) for item in value]
    if not isinstance(value, dict):
        return value
    module, _, name = value["$"].partition(".")
    kind = getattr(importlib.import_module("samba.dcerpc." + module), name)
    found = kind(value["="]) if "=" in value else kind()
    for member, inner in value.items():
        if member not in ("$", "="):
            setattr(found, member, made(inner))
    return found


def leaves(value, found):
    """Every number and text below a value."""
    if isinstance(value, (int, str)):
        found.append(value)
    elif isinstance(value, bytes):
        found.append(value.hex())
    elif isinstance(value, (list, tuple)):
        for item in value:
            leaves(item, found)
    elif type(value).__name__ in ("GUID", "dom_sid"):
        found.append(str(value))
    elif value is not None:
        for name in dir(value):
            if not name.startswith("_") and not callable(getattr(type(value), name)):
                leaves(getattr(value, name), found)


def members(call, side):
    return [name for name in dir(call) if name.startswith(side + "_") or (side, name) == ("out", "result")]


def seen(call, side):
    found = []
    for name in members(call, side):
        try:
            leaves(getattr(call, name), found)
        except Exception as error:  # a value that Samba's own accessors cannot give
            found.append(repr(error))
    return found


def answer(job):
    if "list" in job:
        return calls(job["list"])
    kind = getattr(importlib.import_module("samba.dcerpc." + job["module"]), job["call"])
    call = kind()
    side, flags = job["side"], {"bigendian": job["big"], "ndr64": job["wide"]}
    for name, value in job.get("values", {}).items():
        setattr(call, name, made(value))
    if "octets" in job:
        try:  # the request has the levels and sizes that the response speaks of
            call.__ndr_unpack_in__(bytes.fromhex(job["request"]), **flags)
        except Exception:  # it is judged by itself
            call = kind()
        getattr(call, f"__ndr_unpack_{side}__")(bytes.fromhex(job["octets"]), **flags)
    octets = getattr(call, f"__ndr_pack_{side}__")(**flags)
    return {"octets": octets.hex(), "seen": seen(call, side)}


def main():
    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as error:  # whatever the stubs raise is the answer
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
