"""Types of Samba that have a codec written in C, in terms of the dialect: what [MS-DTYP] says of them.

A dom_sid is [MS-DTYP] 2.4.2.2 (SID), a dom_sid2 the RPC_SID of 2.4.2.3, a dom_sid28 a SID in 28 octets. Of an ACE
(2.4.4) type, flags and size are fields, the rest, which is of another form for each type, is octets. A policy_handle
as a parameter is a context handle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from .. import model
from ..diagnostics import Span
from ..syntax import tree

HANDLE: Final = "policy_handle"
CONTEXT: Final = "POLICY_HANDLE"
"""The type of the context handles that Samba declares as pointers to a policy_handle."""
_BYTE: Final = model.Scalar(word="Byte")
_SID28: Final = 28


def body(name: str, span: Span) -> tuple[tree.Member, ...] | None:
    """The fields of a type that has a codec in C, if they are known here."""
    if name == "dom_sid":
        return (
            *_sid(span),
            _array(span, "sub_auths", "ULong", tree.Bound(span, _name(span, "num_auths"), inline=True)),
        )
    if name == "security_ace":
        rest = tree.Binary(span, "-", _name(span, "size"), _number(span, 4), 1)
        length = tree.Access(span, _name(span, "body"), "length", 1)
        size = tree.Binary(span, "+", length, _number(span, 4), 1)
        return (
            _field(span, "type", tree.Tagged(span, "enum", "security_ace_type")),
            _field(span, "flags", tree.Tagged(span, "enum", "security_ace_flags")),
            _field(span, "size", tree.Given(span, model.Scalar(word="UShort")), _attribute(span, "value", size)),
            _array(span, "body", "Byte", tree.Bound(span, rest, inline=True)),
        )
    return None


def beside(name: str, span: Span) -> Iterator[tree.Item]:
    """The types that Samba has beside one of this name, in C headers."""
    if name == "dom_sid":
        size = _attribute(span, "size_is", _name(span, "num_auths"))
        fields = (*_sid(span), _array(span, "sub_auths", "ULong", tree.Bound(span, None), size))
        yield tree.Declaration(span, (), tree.Struct(span, "dom_sid2", fields), ())
    if name == HANDLE:
        context = tree.Attribute(span, "context_handle", None, effect="honoured")
        declarator = tree.Declarator(span, CONTEXT, (tree.Star(),))
        yield tree.Typedef(span, (context,), tree.Words(span, ("void",)), (declarator,))


def padded(line: tree.Member) -> tree.Member:
    """A field that is a dom_sid28 as the dom_sid that it holds."""
    if not isinstance(line.type, tree.Named) or line.type.name != "dom_sid28":
        return line
    span = line.type.span
    inside = (
        _attribute(span, "subcontext", _number(span, 0)),
        _attribute(span, "subcontext_size", _number(span, _SID28)),
    )
    return replace(line, type=tree.Named(span, "dom_sid"), attributes=(*line.attributes, *inside))


def counted_apart(line: tree.Member, taken: frozenset[str]) -> Iterator[tree.Member]:
    """A field that is not the last of its structure: before an array of varying size comes the count, as a field.

    C706 has such arrays at the end alone, with the count in front of the structure; libndr puts it where it stands.
    """
    size = next((found for found in line.attributes if found.name == "size_is"), None)
    others = {found.name for found in line.attributes} & {"length_is", "first_is", "max_is", "string", "subcontext"}
    whole = len(line.declarators) == 1 and [_is_open(one) for one in line.declarators[0].levels] == [True]
    slot = size.slots[0] if size is not None and size.slots and len(size.slots) == 1 else None
    if not whole or others or isinstance(slot, tree.NoExpression):
        yield line
        return
    declarator, span = line.declarators[0], line.span
    name = f"{declarator.name}_count"
    while name in taken:
        name += "_"
    yield _field(span, name, tree.Given(span, model.Scalar(word="UInt3264")), _attribute(span, "value", slot))
    bound = tree.Bound(span, slot)
    kept = tuple(found if found is not size else replace(found, slots=(), effect="none") for found in line.attributes)
    yield replace(line, attributes=kept, declarators=(replace(declarator, levels=(bound,)),))


def _is_open(level: tree.Level) -> bool:
    return isinstance(level, tree.Bound) and level.high is None


def _sid(span: Span) -> tuple[tree.Member, ...]:
    limits = tree.Attribute(span, "range", (_number(span, 0), _number(span, 15)), effect="honoured")
    return (
        _field(span, "sid_rev_num", tree.Given(span, _BYTE)),
        _field(span, "num_auths", tree.Given(span, _BYTE), limits),
        _array(span, "id_auth", "Byte", tree.Bound(span, _number(span, 6))),
    )


def _field(span: Span, name: str, spec: tree.TypeSpec, *attributes: tree.Attribute) -> tree.Member:
    return tree.Member(span, attributes, spec, (tree.Declarator(span, name, ()),))


def _array(span: Span, name: str, word: str, bound: tree.Bound, *attributes: tree.Attribute) -> tree.Member:
    spec = tree.Given(span, model.Scalar(word=word))
    return tree.Member(span, attributes, spec, (tree.Declarator(span, name, (bound,)),))


def _attribute(span: Span, name: str, slot: tree.Expr) -> tree.Attribute:
    return tree.Attribute(span, name, (slot,), effect="honoured")


def _name(span: Span, name: str) -> tree.Name:
    return tree.Name(span, name)


def _number(span: Span, value: int) -> tree.Number:
    return tree.Number(span, value, str(value))
