"""Where a stub ends: octets behind its last parameter (MS-RPCE 2.2.2.13).

Both readers come here when a value does not end where its stub does.
"""

from __future__ import annotations

from typing import Final

from .errors import NdrError

VERIFICATION_TRAILER: Final = bytes.fromhex("8a e3 13 71 02 f4 36 71")
"""What a verification trailer begins with; it is aligned to 4, and authenticates what is not signed otherwise."""


def check_end(stub: bytes | bytearray | memoryview, end: int, tolerated: int | None) -> None:
    """NdrError unless what stands behind `end`, where the last parameter ends, may stand there.

    That is a verification trailer, or so many octets as are tolerated; None: any number of them.
    """
    size = len(stub)
    if end > size:
        raise NdrError("the stub ends before its last parameter", offset=size, rule="MS-RPCE 3.1.1.5.3.2.2.3")
    if tolerated is None or size - end <= tolerated:
        return
    aligned = end + 3 & -4
    if bytes(stub[aligned : aligned + len(VERIFICATION_TRAILER)]) != VERIFICATION_TRAILER:
        raise NdrError(f"{size - end} octets behind the last parameter", offset=end, rule="MS-RPCE 2.2.2.13")
