"""Headers: what the attributes of an interface say of it as a whole: its uuid, version, endpoints and binding."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from .. import catalogue, model
from ..diagnostics import Diagnostic, diagnose, problem
from ..syntax import tree
from .attributes import AttributeSet
from .declared import KINDS

ZERO_UUID: Final = "00000000-0000-0000-0000-000000000000"
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_VERSION: Final = re.compile(r"(\d{1,5})(?:\.(\d{1,5}))?")
_ENDPOINT: Final = re.compile(r"\w+:[^\[\],]*(?:\[[^\[\]]*\])?", re.ASCII)
_IMPLICIT: Final = re.compile(r"([A-Za-z_]\w*)\s+([A-Za-z_]\w*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """The interface in which operations stand."""

    name: str
    object: bool = False
    local: bool = False
    binding: model.Binding | None = None
    handles: Set[str] = frozenset()
    """The names of [handle] types, as they become known."""
    outside: bool = False
    """No interface at all: there prototypes of C stand too."""


def is_uuid(text: str) -> bool:
    """Has the text the form of a uuid?"""
    return _UUID.fullmatch(text.strip("{}")) is not None


def uuid_of(attribute: tree.Attribute | None) -> str | None:
    """The uuid of an attribute, if there is one; Problem when what it holds is none."""
    if attribute is None:
        return None
    slot = attribute.slot
    text = slot.text if isinstance(slot, tree.Uuid) else slot.value if isinstance(slot, tree.Text) else ""
    text = text.strip("{}")
    if not _UUID.fullmatch(text):
        raise problem(catalogue.BAD_UUID, attribute.span, text=text[:60] or "this")
    return text.lower()


def version_of(attribute: tree.Attribute | None) -> tuple[int, int]:
    """Major and minor version, 0.0 without an attribute; Problem when what it holds is no version."""
    if attribute is None:
        return 0, 0
    slot = attribute.slot
    text = slot.text if isinstance(slot, (tree.Number, tree.Real)) else "this"
    match = _VERSION.fullmatch(text)
    if match is None or int(match[1]) > 0xFFFF or int(match[2] or 0) > 0xFFFF:
        raise problem(catalogue.BAD_VERSION, attribute.span, text=text[:40])
    return int(match[1]), int(match[2] or 0)


def pointer_default(written: AttributeSet, report: list[Diagnostic]) -> model.PointerKind | None:
    """[pointer_default] of an interface."""
    attribute = written.get("pointer_default")
    if attribute is None:
        return None
    slot = attribute.slot
    for kind in KINDS:
        if isinstance(slot, tree.Name) and slot.name == kind:
            return kind
    wanted = "ref, unique or ptr"
    report.append(diagnose(catalogue.ATTRIBUTE_ARGUMENTS, attribute.span, name=attribute.name, wanted=wanted))
    return None


def binding_of(written: AttributeSet, report: list[Diagnostic]) -> model.Binding | None:
    """How clients are bound (C706 4.3.2.5-7); None when nothing is said of it."""
    if "auto_handle" in written:
        return model.Binding(kind="auto")
    if "explicit_handle" in written:
        return model.Binding(kind="explicit")
    attribute = written.get("implicit_handle")
    if attribute is None:
        return None
    match = _IMPLICIT.fullmatch(attribute.text.strip())
    if match is None:
        wanted = "a type and a name: implicit_handle(handle_t name)"
        report.append(diagnose(catalogue.ATTRIBUTE_ARGUMENTS, attribute.span, name=attribute.name, wanted=wanted))
        return None
    return model.Binding(kind="implicit", type=match[1], name=match[2])


def endpoints(written: AttributeSet, report: list[Diagnostic]) -> tuple[str, ...]:
    """[endpoint], as written; what no binding has the form of is left out with a warning."""
    found: list[str] = []
    for slot in written.slots("endpoint"):
        if isinstance(slot, tree.Text) and _ENDPOINT.fullmatch(slot.value):
            found.append(slot.value)
        elif isinstance(slot, tree.Text):
            why = "an endpoint is written protocol:[endpoint], each in quotes of its own"
            report.append(diagnose(catalogue.NO_EFFECT, slot.span, name="endpoint", why=why))
    return tuple(found)
