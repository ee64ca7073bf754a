"""Python text, laid out as `ruff format` with 120 columns leaves it.

What can be broken over lines is a Group (brackets and items), a Prefixed part, a Chain of operands or something in
Parentheses; the rest is a string. `lines` prints one on one line if it fits, else its items on one line of their own,
else one item a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 120
INDENT: Final = "    "


@dataclass(frozen=True, slots=True)
class Group:
    """`open` items `close`. A `display` (tuple, dict) is never broken to one line of items, as a call is."""

    open: str
    items: tuple[Part, ...]
    close: str = ")"
    display: bool = False


@dataclass(frozen=True, slots=True)
class Prefixed:
    """`name=part`, `key: part`, `lambda: part`."""

    prefix: str
    part: Part


@dataclass(frozen=True, slots=True)
class Chain:
    """`first operator part operator part`, operators that bind equally: broken before each of them."""

    first: Part
    rest: tuple[tuple[str, Part], ...]


@dataclass(frozen=True, slots=True)
class Parentheses:
    """`(part)`."""

    part: Part


Part = str | Group | Prefixed | Chain | Parentheses


def call(name: str, *items: Part) -> Group:
    """`name(items)`."""
    return Group(f"{name}(", items)


def pair(left: str, operator: str, right: Part) -> Chain:
    """`left operator right`."""
    return Chain(left, ((operator, right),))


def display(items: Sequence[Part], brackets: str = "()") -> Group:
    """A tuple, or a dict with brackets `{}`."""
    return Group(brackets[0], tuple(items), brackets[1], display=True)


def flat(part: Part) -> str:
    """The part on one line."""
    match part:
        case str():
            return part
        case Prefixed(prefix, inner):
            return prefix + flat(inner)
        case Chain(first, rest):
            return flat(first) + "".join(f" {operator} {flat(part)}" for operator, part in rest)
        case Parentheses(inner):
            return f"({flat(inner)})"
        case Group(begin, items, end, is_display):
            comma = "," if is_display and begin == "(" and len(items) == 1 else ""
            return f"{begin}{', '.join(map(flat, items))}{comma}{end}"


def lines(part: Part, *, prefix: str = "", suffix: str = "", indent: str = "") -> list[str]:
    """The part over as many lines as it needs."""
    whole = f"{indent}{prefix}{flat(part)}{suffix}"
    if len(whole) <= WIDTH or isinstance(part, str):
        return [whole]
    if isinstance(part, Prefixed):
        return lines(part.part, prefix=prefix + part.prefix, suffix=suffix, indent=indent)
    if isinstance(part, Parentheses):
        return [f"{indent}{prefix}(", *lines(part.part, indent=indent + INDENT), f"{indent}){suffix}"]
    if isinstance(part, Chain):
        return _links(part, prefix, suffix, indent)
    return _broken(part, prefix, suffix, indent)


def assigned(name: str, part: Part, *, kind: tuple[str, str] | None = None, indent: str = "") -> list[str]:
    """`name = part`, with `kind` `name: kind[kind] = part`.

    Where not even the part's first bracket fits behind the name it stands in parentheses, and where those do not
    fit either, the brackets of the kind are broken.
    """
    prefix = f"{name} = " if kind is None else f"{name}: {kind[0]}[{kind[1]}] = "
    room = WIDTH - len(indent)
    if len(prefix + flat(part)) <= room or (isinstance(part, Group) and len(prefix + part.open) <= room):
        return lines(part, prefix=prefix, indent=indent)
    if (kind is None and len(prefix) >= room) or (isinstance(part, str) and len(INDENT + part) > room):
        return lines(part, prefix=prefix, indent=indent)
    if kind is not None and len(prefix) >= room:
        return [f"{indent}{name}: {kind[0]}[", indent + INDENT + kind[1], *lines(part, prefix="] = ", indent=indent)]
    return [f"{indent}{prefix}(", *lines(part, indent=indent + INDENT), f"{indent})"]


def _links(chain: Chain, prefix: str, suffix: str, indent: str) -> list[str]:
    *before, last = [(prefix, chain.first), *((f"{operator} ", part) for operator, part in chain.rest)]
    found = [line for start, part in before for line in lines(part, prefix=start, indent=indent)]
    return [*found, *lines(last[1], prefix=last[0], suffix=suffix, indent=indent)]


def _broken(group: Group, prefix: str, suffix: str, indent: str) -> list[str]:
    if not group.items:
        return [f"{indent}{prefix}{group.open}{group.close}{suffix}"]
    inner = indent + INDENT
    together = inner + ", ".join(map(flat, group.items))
    if group.display or len(together) > WIDTH:
        body = [line for item in group.items for line in lines(item, suffix=",", indent=inner)]
    else:
        body = [together]
    return [f"{indent}{prefix}{group.open}", *body, f"{indent}{group.close}{suffix}"]


def quoted(text: str) -> str:
    """A string literal in printable ASCII, in the quotes that need fewer escapes."""
    quote = "'" if '"' in text and "'" not in text else '"'
    return quote + "".join(_escaped(character, quote) for character in text) + quote


def _escaped(character: str, quote: str) -> str:
    code = ord(character)
    if character in (quote, "\\"):
        return "\\" + character
    if 0x20 <= code < 0x7F:
        return character
    if character in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def comment(text: str) -> str:
    """Text that is safe behind `#` on one line."""
    return "".join(character if character.isprintable() else "?" for character in text)
