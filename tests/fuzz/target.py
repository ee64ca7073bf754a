"""The process that atheris drives: the first octet selects a subject, which gets the others.

Run by `python -m tests.fuzz`; the arguments are libFuzzer's. What a subject raises ends the process.
"""

from __future__ import annotations

import contextlib
import io
import sys

import atheris

with (
    contextlib.redirect_stderr(io.StringIO()),
    atheris.instrument_imports(include=["lrpc.runtime.ndr", "lrpc.runtime.ncacn", "lrpc.runtime.ncalrpc"]),
):
    from tests.fuzz.subjects import Direction, Subject, subjects


def watched(subject: Subject) -> Subject:
    """The subject, with its generated reader among what coverage guides the search by."""
    if isinstance(subject.check, Direction):
        codec = subject.check.codec
        codec._decode = atheris.instrument_func(codec.decoder())
    return subject


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    known = [watched(subject) for subject in subjects()]

    def one(octets: bytes) -> None:
        if octets:
            known[octets[0] % len(known)].check(octets[1:])

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
