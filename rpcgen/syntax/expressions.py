"""From the grammar's rules to expressions: the part of the tree builder that knows precedence.

The grammar gives operators and operands as one flat list (C 6.5 orders them). Rule: the depth of an expression is
bounded here, so that whoever walks one may do it by recursion.
"""

from __future__ import annotations

from typing import Any, Final

from .. import catalogue
from ..diagnostics import Span, problem
from . import literals, tree
from .parts import TypeName, Values
from .terminals import Token

MAX_EXPRESSION: Final = 64

_ORDER: Final = (("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="), ("<<", ">>"),
                 ("+", "-"), ("*", "/", "%"))  # fmt: skip
_PRECEDENCE: Final = {operator: level for level, operators in enumerate(_ORDER) for operator in operators}


class ExpressionBuilder:
    """Makes the nodes of expressions; method names are those of the grammar's rules."""

    def number(self, values: Values) -> tree.Number:
        """An integer."""
        token = values[0]
        return tree.Number(token.span, literals.integer(token.text, token.span), token.text)

    def real(self, values: Values) -> tree.Real:
        """A floating-point number."""
        return tree.Real(values[0].span, values[0].text)

    def character(self, values: Values) -> tree.Number:
        """A character: its code."""
        token = values[0]
        return tree.Number(token.span, literals.character(token.text, token.span), token.text)

    def string(self, values: Values) -> tree.Text:
        """Adjacent strings are one."""
        return tree.Text(values[0].span, "".join(literals.string(value.text, value.span) for value in values))

    def truth(self, values: Values) -> tree.Number:
        """TRUE, FALSE."""
        return tree.Number(values[0].span, int(values[0].text == "TRUE"), values[0].text)

    def null(self, values: Values) -> tree.Null:
        """NULL."""
        return tree.Null(values[0].span)

    def name(self, values: Values) -> tree.Name:
        """An identifier."""
        return tree.Name(values[0].span, values[0].text)

    def grouped(self, values: Values) -> tree.Expr:
        """An expression in parentheses."""
        return values[0]  # type: ignore[no-any-return]

    def unary(self, values: Values) -> tree.Unary:
        """An operator before its operand."""
        operator, operand = values
        return tree.Unary(operator.span, operator.text, operand, deeper(operator.span, operand))

    def operators(self, values: Values) -> tree.Expr:
        """Operands and the operators between them, by precedence; equal ones from left to right."""
        operands: list[tree.Expr] = [values[0]]
        waiting: list[Token] = []
        for operator, operand in zip(values[1::2], values[2::2], strict=True):
            while waiting and _PRECEDENCE[waiting[-1].text] >= _PRECEDENCE[operator.text]:
                _combine(operands, waiting.pop())
            waiting.append(operator)
            operands.append(operand)
        while waiting:
            _combine(operands, waiting.pop())
        return operands[0]

    def conditional(self, values: Values) -> tree.Conditional:
        """`a ? b : c`."""
        condition, then, otherwise = values
        depth = deeper(condition.span, condition, then, otherwise)
        return tree.Conditional(condition.span, condition, then, otherwise, depth)

    def access(self, values: Values) -> tree.Access:
        """`a.b` and `a->b`."""
        owner, _, name = values
        return tree.Access(owner.span, owner, name.text, deeper(owner.span, owner))

    def call(self, values: Values) -> tree.Call:
        """`f(a, b)`."""
        name, *arguments = values
        return tree.Call(name.span, name.text, tuple(arguments), deeper(name.span, *arguments))

    def sizeof(self, values: Values) -> tree.SizeOf:
        """sizeof: of a type, or of a name that may be one."""
        word, of = values
        if isinstance(of, tree.Name):
            return tree.SizeOf(word.span, tree.Named(of.span, of.name), 0)
        if not isinstance(of, TypeName):
            raise problem(catalogue.BAD_LITERAL, word.span, text="an expression", kind="type that sizeof measures")
        return tree.SizeOf(word.span, of.type, of.stars)

    def cast(self, values: Values) -> tree.Cast:
        """`(unsigned long) a`."""
        type_name, operand = values
        return tree.Cast(type_name.type.span, type_name.type, operand, deeper(type_name.type.span, operand))

    def cast_named(self, values: Values) -> tree.Cast:
        """`(DWORD) a`."""
        _, name, *_, operand = values
        return tree.Cast(name.span, tree.Named(name.span, name.text), operand, deeper(name.span, operand))

    def type_name(self, values: Values) -> TypeName:
        """A type in parentheses."""
        stars = sum(isinstance(value, tree.Star) for value in values)
        word = values[0]
        if isinstance(word, tree.Words):
            return TypeName(word, stars)
        return TypeName(tree.Tagged(values[1].span, word.text, values[1].text), stars)


def deeper(span: Span, *operands: Any) -> int:
    """The depth of an expression over its operands; Problem when that is too much."""
    depth = 1 + max((getattr(operand, "depth", 0) for operand in operands), default=0)
    if depth > MAX_EXPRESSION:
        raise problem(catalogue.EXPRESSION_TOO_DEEP, span, limit=MAX_EXPRESSION)
    return depth


def _combine(operands: list[tree.Expr], operator: Token) -> None:
    right = operands.pop()
    left = operands.pop()
    operands.append(tree.Binary(left.span, operator.text, left, right, deeper(left.span, left, right)))
