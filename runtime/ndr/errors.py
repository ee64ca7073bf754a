"""What goes wrong between values and octets.

One family, raised inside `ndr` and translated once at its border: a server answers `status` in a
fault, a client raises it as BadStubData. The counterpart for calls is `runtime/status.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RPC_X_BAD_STUB_DATA: Final = 0x6F7
RPC_X_NULL_REF_POINTER: Final = 0x6F4
RPC_X_ENUM_VALUE_OUT_OF_RANGE: Final = 0x6F5
RPC_S_INVALID_BOUND: Final = 0x6C6
RPC_S_INVALID_TAG: Final = 0x6C5


class NdrError(ValueError):
    """A value that does not fit its layout, or octets that do not.

    path: the field, as in `record[3].name`; offset: octets from the start of the stub, None when
    encoding; rule: the paragraph that was broken; status: what a peer gets in a fault.
    """

    def __init__(
        self,
        reason: str,
        *,
        path: str = "",
        offset: int | None = None,
        rule: str = "",
        status: int = RPC_X_BAD_STUB_DATA,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.offset = offset
        self.rule = rule
        self.status = status

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        at = "" if self.offset is None else f" at offset {self.offset:#x}"
        rule = f" ({self.rule})" if self.rule else ""
        return f"{where}{self.reason}{at}{rule}"

    def within(self, name: str) -> NdrError:
        """The same error, seen from the construct that holds field `name`."""
        joiner = "" if not name or not self.path or self.path.startswith("[") else "."
        self.path = f"{name}{joiner}{self.path}"
        return self


def reason_of(failure: Exception) -> str:
    """What is said of a value that code for it stumbles over, where no rule says more."""
    if isinstance(failure, AttributeError) and isinstance(failure.obj, Mapping):  # which the reference takes as well
        return f"takes an object with the attribute {failure.name}, not dict"
    return f"{type(failure).__name__}: {failure}"


class OutOfSteps(Exception):
    """The reference reader has read as many fields as it may, and found no error by then."""
