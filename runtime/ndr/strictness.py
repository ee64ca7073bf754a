"""How strict a reader is with a peer: the target level of MS-RPCE 3.1.1.5.3, and leniencies by name.

Rule of this file: it says what may be overlooked, nothing reads octets here. A codec is compiled for one Strictness,
so what is not overlooked costs nothing. Who checks: `reading*.py` and `reference_reader*.py`, which have to agree.
docs/ndr.md has all checks in a table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Final, Literal, get_args

Level = Literal["5.0", "6.0"]
"""A target level of MS-RPCE 3.1.1.5.3; 6.0 has all checks of 5.0."""
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
MAX_TRAILING: Final = 8
"""Octets behind the last parameter that are taken for padding."""


@dataclasses.dataclass(frozen=True, slots=True)
class Strictness:
    """What a reader overlooks. It is chosen for an interface, where it is served or called.

    level: "5.0" leaves out two checks that "6.0" makes: of null arrays beside their size, and of [range] on the
    counts of arrays and strings.
    """

    level: Level = "6.0"
    empty_string: bool = False
    """A [string] of no units is an empty one: some stacks leave out the terminator when there is nothing before it."""
    unterminated_string: bool = False
    """A [string] may lack its terminator: some stacks count only the characters."""
    string_offset: bool = False
    """A [string] may have an offset, which says nothing: C706 14.3.4.2 wants 0, and there is nothing before a text."""
    string_size: bool = False
    """The maximum count of a [string] need not be what size_is says: clients in the field send what they allocated."""
    contradiction: bool = False
    """Counts, offsets and tags need not be what their siblings say: for protocols that switch strict checks off."""
    null_array: bool = False
    """A null array may stand beside a size that is not 0: C706 14.3.10 allows it; level 5.0 implies it."""
    null_array_in_reply: bool = True
    """The same among the parameters of a response: how servers say which size is needed."""
    unnamed_enum_value: bool = True
    """An enumeration may have a value that the IDL does not name, read as a plain int: newer peers know more."""
    inner_nul: bool = True
    """A text may have NULs before its end; they are read as they are: fields padded with NUL are common."""
    trailing: int | None = MAX_TRAILING
    """Octets behind the last parameter, a verification trailer apart; None: any, as Windows and Samba take them."""

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"{self.level!r} is no target level: there is {' and '.join(LEVELS)}")

    @property
    def null_arrays(self) -> bool:
        """Are null arrays overlooked, beside any size?"""
        return self.null_array or self.level == "5.0"

    @property
    def count_ranges(self) -> bool:
        """Is [range] on counts of arrays and strings checked (MS-RPCE 3.1.1.5.3.3.1.3)?"""
        return self.level == "6.0"

    @property
    def whole_strings(self) -> bool:
        """Is every [string] as C706 14.3.4.2 has it, but for NULs inside?"""
        return not (self.empty_string or self.unterminated_string or self.string_offset)


DEFAULT: Final = Strictness()
ALONE: Final = Strictness(trailing=None)
"""For a type by itself: what stands behind it is somebody else's."""
OPTIONS: Final = tuple(field.name for field in dataclasses.fields(Strictness) if field.type == "bool")
"""The leniencies that are there or not."""


def chosen(
    level: Level = "6.0", allow: Iterable[str] = (), refuse: Iterable[str] = (), trailing: int | None = MAX_TRAILING
) -> Strictness:
    """The Strictness of words, as a command line has them. ValueError for a word that is no leniency."""
    words: dict[str, Any] = {**dict.fromkeys(allow, True), **dict.fromkeys(refuse, False)}
    unknown = [word for word in words if word not in OPTIONS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no leniency: there is {', '.join(OPTIONS)}")
    return dataclasses.replace(Strictness(level, trailing=trailing), **words)
