"""Usage: which definitions can travel.

One that has a problem cannot, nor can one that holds it. Unless something that travels uses them that is no mistake:
headers of COM interfaces are full of types for C programs alone. Counterparts: `definitions.py` keeps the problems,
`passes.py` asks when it makes the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from .. import catalogue, model
from ..diagnostics import Diagnostic, Source, diagnose
from ..walking import needed
from .shapes import Draft


def stuck(known: Mapping[str, Draft]) -> dict[str, str]:
    """The keys of the definitions that cannot travel, and why."""
    holders: dict[str, list[Draft]] = {}
    reasons: dict[str, str] = {}
    for draft in known.values():
        reason = _reason(draft)
        if reason is not None:
            reasons[draft.key] = reason
        for key in needed(draft.definition):
            holders.setdefault(key, []).append(draft)
    todo = list(reasons)
    while todo:
        key = todo.pop()
        for holder in holders.get(key, ()):
            if holder.key not in reasons:
                reasons[holder.key] = f"it holds {spoken(known[key])}, which has none"
                todo.append(holder.key)
    return reasons


def kept_out(
    operation: model.Operation,
    reasons: Mapping[str, str],
    known: Mapping[str, Draft],
    obstacles: list[Diagnostic],
    report: list[Diagnostic],
) -> model.Operation:
    """The operation, as one that does not travel if one of its types cannot."""
    stopped = next((key for key in needed(operation) if key in reasons), None)
    if operation.local or (stopped is None and not obstacles):
        return operation
    reason = (
        obstacles[0].message
        if stopped is None
        else f"{spoken(known[stopped])} has no form on the wire: {reasons[stopped]}"
    )
    report.append(diagnose(catalogue.LEFT_OUT, operation.span, name=operation.name, reason=reason))
    return operation.model_copy(update={"parameters": (), "returns": None, "local": True})


def left_out(known: Iterable[Draft], reasons: Mapping[str, str], chosen: Set[str], file: Source) -> list[Diagnostic]:
    """What to say of the definitions of a file that are not in its stub, since nothing that travels uses them."""
    return [
        diagnose(catalogue.NO_WIRE_FORM, draft.span, type=spoken(draft), reason=reasons[draft.key])
        for draft in known
        if draft.file is file and draft.begun and draft.key in reasons and draft.key not in chosen
        if not draft.presented
    ]


def spoken(draft: Draft) -> str:
    """A definition in a message."""
    return f"{draft.kind.replace('_', ' ')} {draft.name}"


def _reason(draft: Draft) -> str | None:
    for found in draft.problems:
        if found.severity == "error":
            return found.message
    if draft.definition is not None:
        return None
    if draft.kind == "union" and draft.begun:
        return "nothing says what selects its arms"
    return "it is declared and never defined"
