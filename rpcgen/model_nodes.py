"""Nodes of the model that hold no types: its base, the correlation expressions, and the texts of Samba's NDR.

`model.py` gathers them; everything else asks there.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Node(BaseModel):
    """Base of the model's nodes."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


# Correlation expressions


class Number(Node):
    """A constant."""

    kind: Literal["number"] = "number"
    value: int


class Sibling(Node):
    """The integer in the field or parameter `name`, or that it points to."""

    kind: Literal["sibling"] = "sibling"
    name: str


class Present(Node):
    """1 when the pointer `name` is not null."""

    kind: Literal["present"] = "present"
    name: str


class Binary(Node):
    """Two operands; the operators are C's."""

    kind: Literal["binary"] = "binary"
    operator: str
    left: Expression
    right: Expression


class When(Node):
    """`condition ? then : otherwise`."""

    kind: Literal["when"] = "when"
    condition: Expression
    then: Expression
    otherwise: Expression


class Length(Node):
    """How long the text, octets or list in `name` is: in UTF-16 units (unit 2), or in octets or items (unit 1)."""

    kind: Literal["length"] = "length"
    name: str
    unit: Literal[1, 2] = 2


class SizeOf(Node):
    """The octets that the field `name` takes, or the structure itself."""

    kind: Literal["size"] = "size"
    name: str | None = None


Expression = Annotated[Number | Sibling | Present | Binary | When | Length | SizeOf, Field(discriminator="kind")]

# What Samba's NDR has


class Flags(Node):
    """How everything inside is written: byte order, gaps (0: none), order of pointees, base of offsets."""

    order: Literal["<", ">"] | None = None
    align: Literal[0, 1, 2, 4, 8] | None = None
    reverse: bool | None = None
    based: bool = False


class Blob(Node):
    """A DATA_BLOB: behind its count, all that is left (rest), or what fills a gap up to a multiple of `align`."""

    kind: Literal["blob"] = "blob"
    rest: bool = False
    align: Literal[2, 4, 8] | None = None


class Text(Node):
    """`string` under STR_ flags."""

    kind: Literal["text"] = "text"
    unit: Literal["Char", "WChar"]
    size: Literal[0, 2, 4] = 0
    length: bool = False
    terminated: bool = True
    octets: bool = False


class TextList(Node):
    """string_array."""

    kind: Literal["text_list"] = "text_list"
    unit: Literal["Char", "WChar"]
    rest: bool = False
    terminated: bool = True


for _node in (Binary, When):
    _node.model_rebuild()
