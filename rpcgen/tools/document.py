"""Reference documentation of an interface file, from its model and the comments that it carries.

A model becomes a list of blocks, and two printers say the same in Markdown and in HTML.
Rule: text from IDL is escaped by the printers, wherever it stands.
"""

from __future__ import annotations

import html as escapes
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .. import model


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; level 1 is the page's."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """Text; an empty line parts paragraphs."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """A declaration, line by line as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under their headings."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraphs | Code | Table


def markdown(found: model.Model) -> str:
    """The reference as Markdown."""
    return "\n\n".join(_markdown(block) for block in blocks(found)) + "\n"


def html(found: model.Model) -> str:
    """The reference as one HTML page that needs nothing else."""
    body = "\n".join(_html(block) for block in blocks(found))
    title = escapes.escape(_title(found))
    return _PAGE.format(title=title, body=body)


# What there is to say


def blocks(found: model.Model) -> Iterator[Block]:
    """The reference, in order: interfaces with their operations, then types, then constants."""
    yield Heading(1, _title(found))
    yield from _text(found.doc)
    names = {definition.key: definition.name for definition in found.definitions}
    for interface in found.interfaces:
        if not interface.imported:
            yield from _interface(interface, names)
    if found.definitions:
        yield Heading(2, "Types")
    for definition in found.definitions:
        yield from _definition(definition, names)
    if found.constants:
        yield Heading(2, "Constants")
        rows = tuple((constant.name, repr(constant.value), constant.doc) for constant in found.constants)
        yield Table(("name", "value", ""), rows)


def _title(found: model.Model) -> str:
    names = [interface.name for interface in found.interfaces if not interface.imported]
    return ", ".join(names) or posixpath.basename(found.source) or "Types"


def _text(doc: str) -> Iterator[Block]:
    if doc:
        yield Paragraphs(doc)


def _interface(interface: model.Interface, names: dict[str, str]) -> Iterator[Block]:
    yield Heading(2, f"interface {interface.name}")
    facts = [("uuid", interface.uuid), ("version", ".".join(map(str, interface.version)))]
    facts += [("base", interface.base)] if interface.base else []
    facts += [("endpoint", endpoint) for endpoint in interface.endpoints]
    facts += [("called through", "the object layer")] if interface.object else []
    yield Table(("", ""), tuple(facts))
    yield from _text(interface.doc)
    for operation in interface.operations:
        yield from _operation(operation, names)
    if interface.callbacks:
        yield Heading(3, f"callbacks of {interface.name}")
        for operation in interface.callbacks:
            yield from _operation(operation, names)


def _operation(operation: model.Operation, names: dict[str, str]) -> Iterator[Block]:
    yield Heading(3, f"{operation.number}: {operation.name}")
    result = "void" if operation.returns is None else spoken(operation.returns, names)
    yield Code(f"{result} {operation.name}({', '.join(one.name for one in operation.parameters)})")
    yield from _text(operation.doc)
    notes = [word for word in ("local", "idempotent", "maybe", "broadcast") if getattr(operation, word)]
    notes += [f"call_as({operation.call_as})"] if operation.call_as else []
    if notes:
        yield Paragraphs(f"Attributes: {', '.join(notes)}.")
    if operation.parameters:
        rows = tuple(
            (one.name, _direction(one), spoken(one.type, names), one.doc or ("follows from its array" * one.auto))
            for one in operation.parameters
        )
        yield Table(("parameter", "", "type", ""), rows)


def _direction(parameter: model.Parameter) -> str:
    return ", ".join(word for word, is_it in (("in", parameter.is_in), ("out", parameter.is_out)) if is_it)


def _definition(definition: model.Definition, names: dict[str, str]) -> Iterator[Block]:
    yield Heading(3, f"{_KINDS[definition.kind]} {definition.name}")
    yield from _text(definition.doc)
    match definition:
        case model.Structure(members=members):
            rows = [(one.name, spoken(one.type, names), one.doc) for one in members]
            yield Table(("field", "type", ""), tuple(rows))
        case model.UnionType():
            yield _arms(definition, names)
        case model.SwitchUnion(union=union, selector=selector):
            yield Paragraphs(f"Its tag {selector} is {spoken(union.tag, names)}.")
            yield _arms(union, names)
        case model.Enumeration(members=values, wide=wide, bits=bits):
            yield Table(("name", "value", ""), tuple((one.name, str(one.value), one.doc) for one in values))
            yield Paragraphs(f"{bits or (32 if wide else 16)} bits in NDR 2.0.")
        case model.ContextType(closed_by=closed_by):
            yield Paragraphs(f"Closed by {closed_by}." if closed_by else "Lives until its client's connection ends.")
        case model.ConversionType(wire=wire):
            yield Paragraphs(f"What travels is {spoken(wire, names)}.")
        case _:
            pass


_KINDS: Final[dict[str, str]] = {
    "struct": "struct", "union": "union", "switch_union": "union", "enum": "enum", "context": "context handle",
    "conversion": "converted type",
}  # fmt: skip


def _arms(union: model.UnionType, names: dict[str, str]) -> Table:
    rows = [(str(one.value), one.name or "", _optional(one.type, names), one.doc) for one in union.cases]
    if union.default is not None:
        rows.append(("default", union.default.name or "", _optional(union.default.type, names), union.default.doc))
    return Table(("case", "arm", "type", ""), tuple(rows))


def _optional(type_: model.Type | None, names: dict[str, str]) -> str:
    return "nothing" if type_ is None else spoken(type_, names)


def spoken(type_: model.Type, names: dict[str, str]) -> str:
    """A type in words. names: what definitions are called, by key."""
    match type_:
        case model.Scalar(word=word):
            return _SCALARS.get(word, word)
        case model.Guid():
            return "GUID"
        case model.Defined(key=key) | model.Selected(union=model.Defined(key=key)):
            switch = f", selected by {stated(type_.switch)}" if isinstance(type_, model.Selected) else ""
            return names.get(key, key.split("#")[0]) + switch
        case model.Ranged(target=target, lowest=lowest, highest=highest):
            return f"{spoken(target, names)}, {lowest}..{highest}"
        case model.Pointer(pointer=kind, target=target):
            return f"{kind} pointer to {spoken(target, names)}"
        case model.Array(element=element):
            return f"array of {spoken(element, names)}{_size(type_)}"
        case model.String(unit=unit):
            return f"string of {_SCALARS.get(unit, unit)}{_size(type_)}"
        case model.MultiArray(element=element, dimensions=dimensions):
            return f"array of {spoken(element, names)}{''.join(map(_size, dimensions))}"
        case model.Pipe(element=element):
            return f"pipe of {spoken(element, names)}"
        case model.InterfacePointer(name=name):
            return f"interface {name}"
        case model.Converted(conversion=key):
            return names.get(key, key.split("#")[0])
        case model.Subcontext(target=target, size=size):
            own = "" if size is None else f" of {stated(size)} octets"
            return f"{spoken(target, names)}, in a context of its own{own}"
        case model.Flagged(target=target):
            return spoken(target, names)
        case model.Text() | model.TextList() | model.Blob():
            return {"text": "text", "text_list": "list of texts", "blob": "octets"}[type_.kind]
        case _:
            return "nothing"


def _size(array: model.Array | model.String | model.Dimension) -> str:
    parts = [str(array.bound)] if array.bound is not None else []
    parts += [f"size {stated(array.size)}"] if array.size is not None else []
    if not isinstance(array, model.String):
        parts += [f"length {stated(array.length)}"] if array.length is not None else []
        parts += [f"from {stated(array.first)}"] if array.first is not None else []
    limits = None if isinstance(array, model.Dimension) else array.limits
    parts += [f"{limits[0]}..{limits[1]} items"] if limits else []
    return f" [{', '.join(parts)}]" if parts else ""


def stated(expression: model.Expression) -> str:
    """An expression as C writes it."""
    match expression:
        case model.Number(value=value):
            return str(value)
        case model.Sibling(name=name):
            return name
        case model.Present(name=name):
            return f"{name} != 0"
        case model.Binary(operator=operator, left=left, right=right):
            return f"{_inner(left)} {operator} {_inner(right)}"
        case model.When(condition=condition, then=then, otherwise=otherwise):
            return f"{_inner(condition)} ? {_inner(then)} : {_inner(otherwise)}"
        case model.Length(name=name):
            return f"length({name})"
        case model.SizeOf(name=name):
            return f"size of {name or 'the structure'}"


def _inner(expression: model.Expression) -> str:
    said = stated(expression)
    return said if isinstance(expression, (model.Number, model.Sibling)) else f"({said})"


_SCALARS: Final[dict[str, str]] = {
    "Boolean": "boolean", "Byte": "byte", "Char": "char", "Small": "small", "USmall": "unsigned small",
    "Short": "short", "UShort": "unsigned short", "WChar": "wchar_t", "Long": "long", "ULong": "unsigned long",
    "Hyper": "hyper", "UHyper": "unsigned hyper", "Int3264": "__int3264", "UInt3264": "unsigned __int3264",
    "Float": "float", "Double": "double", "ErrorStatus": "error_status_t", "NtStatus": "NTSTATUS",
    "HResult": "HRESULT", "samba.DLONG": "dlong", "samba.UDLONG": "udlong", "samba.UDLONGR": "udlongr",
    "samba.NTTIME_1SEC": "NTTIME_1sec", "samba.IPV4": "ipv4address", "samba.IPV6": "ipv6address",
}  # fmt: skip

# Printers

_MARKS: Final = re.compile(r"([\\`*_\[\]|#<>&])")


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_plain(text)}"
        case Paragraphs(text):
            return "\n\n".join(_plain(paragraph) for paragraph in _paragraphs(text))
        case Code(text):
            return "\n".join(f"    {line}" for line in text.splitlines())
        case Table(head, rows):
            lines = [head, tuple("---" for _ in head), *(tuple(map(_plain, row)) for row in rows)]
            return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _plain(text: str) -> str:
    """Text in which no sign means anything to Markdown, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _html(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{escapes.escape(text)}</h{level}>"
        case Paragraphs(text):
            return "\n".join(f"<p>{escapes.escape(paragraph)}</p>" for paragraph in _paragraphs(text))
        case Code(text):
            return f"<pre>{escapes.escape(text)}</pre>"
        case Table(head, rows):
            top = _row("th", head) if any(head) else ""
            return f"<table>{top}{''.join(_row('td', row) for row in rows)}</table>"


def _row(cell: str, values: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{escapes.escape(value)}</{cell}>' for value in values)}</tr>\n"


def _paragraphs(text: str) -> Sequence[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }}
table {{ border-collapse: collapse; margin: 1em 0; }}
td, th {{ border: 1px solid #ccc; padding: .2em .6em; text-align: left; vertical-align: top; }}
pre {{ background: #f4f4f4; padding: .5em 1em; overflow-x: auto; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
