"""pidl's expressions in the terms of the binder's: `r->in.count` and `r->count` are the sibling `count`."""

from __future__ import annotations

from dataclasses import replace

from .. import model
from ..syntax import tree
from .words import scalar


def plain(expression: tree.Expr) -> tree.Expr:
    """The expression with siblings named by their names alone."""
    match expression:
        case tree.Access(span, tree.Name(_, "r") | tree.Access(_, tree.Name(_, "r"), "in" | "out"), name, _):
            return tree.Name(span, name)
        case tree.Name(span, "true" | "false" as truth):
            return tree.Number(span, int(truth == "true"), truth)
        case tree.Call(function=("UINT32_C" | "UINT64_C" | "INT32_C" | "INT64_C"), arguments=(argument,)):
            return plain(argument)
        case tree.Call(span, "NDR_ROUND", (value, step), depth):
            one = tree.Number(span, 1, "1")
            less = tree.Binary(span, "-", plain(step), one, depth)
            more = tree.Binary(span, "+", plain(value), less, depth)
            return tree.Binary(span, "&", more, tree.Unary(span, "~", less, depth), depth)
        case tree.SizeOf(type=tree.Named(span, name)) if _c_type(name) is not None:
            return replace(expression, type=tree.Given(span, _c_type(name)))
        case tree.Binary(span, "-" | "+" as sign, tree.Name(at, name), right, depth) if _c_type(name) is not None:
            return tree.Cast(span, tree.Given(at, _c_type(name)), tree.Unary(span, sign, plain(right), depth), depth)
        case tree.Unary(operand=operand):
            return replace(expression, operand=plain(operand))
        case tree.Cast(operand=operand):
            return replace(expression, operand=plain(operand))
        case tree.Binary(left=left, right=right):
            return replace(expression, left=plain(left), right=plain(right))
        case tree.Access(owner=owner):
            return replace(expression, owner=plain(owner))
        case tree.Conditional(condition=condition, then=then, otherwise=otherwise):
            return replace(expression, condition=plain(condition), then=plain(then), otherwise=plain(otherwise))
        case tree.Call(arguments=arguments):
            return replace(expression, arguments=tuple(plain(argument) for argument in arguments))
        case _:
            return expression


def _c_type(name: str) -> model.Scalar | None:
    """uint32_t and its kin."""
    if not name.endswith("_t"):
        return None
    return model.Scalar(word="UHyper") if name == "uint64_t" else scalar(name.removesuffix("_t"))


def is_foreign(expression: tree.Expr) -> bool:
    """Does it call a function, or look into a sibling?"""
    match expression:
        case tree.Access() | tree.Call():
            return True
        case tree.Unary(operand=operand) | tree.Cast(operand=operand):
            return is_foreign(operand)
        case tree.Binary(left=left, right=right):
            return is_foreign(left) or is_foreign(right)
        case tree.Conditional(condition=condition, then=then, otherwise=otherwise):
            return any(is_foreign(part) for part in (condition, then, otherwise))
        case _:
            return False


def names_in(expression: tree.Expr) -> frozenset[str]:
    """The names that it reads."""
    match expression:
        case tree.Name(name=name):
            return frozenset((name,))
        case tree.Unary(operand=operand) | tree.Cast(operand=operand):
            return names_in(operand)
        case tree.Access(owner=owner):
            return names_in(owner)
        case tree.Binary(left=left, right=right):
            return names_in(left) | names_in(right)
        case tree.Conditional(condition=condition, then=then, otherwise=otherwise):
            return names_in(condition) | names_in(then) | names_in(otherwise)
        case tree.Call(arguments=arguments):
            return frozenset[str]().union(*map(names_in, arguments))
        case _:
            return frozenset()
