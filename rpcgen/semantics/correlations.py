"""Correlations: the expressions of size_is, length_is, switch_is ... over the siblings of a field or parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .. import catalogue, model
from ..diagnostics import Span, problem
from ..syntax import tree
from . import constants
from .scopes import Binding
from .shapes import RANGES, SIZES, Broken, Count, Draft, Shape, is_integer


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A field or parameter that an expression may name, and the directions in which it travels."""

    shape: Shape
    is_in: bool = True
    is_out: bool = True


Siblings = Mapping[str, Neighbour]


@dataclass(frozen=True, slots=True)
class Correlation:
    """Resolves the expressions that belong to one field or parameter, `name`."""

    binding: Binding
    siblings: Siblings
    name: str

    def count(self, count: Count | None) -> model.Expression | None:
        """The number of items that an attribute gives; max_is and last_is are one less than it."""
        if count is None:
            return None
        found = self.expression(count.expression, count.attribute)
        if not count.plus:
            return found
        if isinstance(found, model.Number):
            return model.Number(value=found.value + 1)
        return model.Binary(operator="+", left=found, right=model.Number(value=1))

    def expression(self, expression: tree.Expr, attribute: str) -> model.Expression:
        """An integer over the siblings; Problem when it is none."""
        match expression:
            case tree.Name(span, name):
                return self._name(name, span, 0, attribute)
            case tree.Unary(span, "*", _, _):
                return self._dereferenced(expression, span, attribute)
            case tree.Unary(span, operator, operand, _):
                return self._unary(operator, operand, span, attribute)
            case tree.Binary():
                left = expression.left
                named = isinstance(left, tree.Name) and left.name in self.siblings
                cast = None if named else self.binding.cast_in(expression)
                return self._binary(expression, attribute) if cast is None else self._cast(cast, attribute)
            case tree.Conditional(_, condition, then, otherwise, _):
                return model.When(
                    condition=self._condition(condition, attribute),
                    then=self.expression(then, attribute),
                    otherwise=self.expression(otherwise, attribute),
                )
            case tree.Cast():
                return self._cast(expression, attribute)
            case tree.Number() | tree.SizeOf():
                return model.Number(value=self.binding.integer(expression))
            case _:
                raise problem(catalogue.BAD_EXPRESSION, expression.span, what="this value")

    def iid(self, expression: tree.Expr) -> str:
        """The sibling that holds the IID of an interface pointer; Problem when there is none."""
        while isinstance(expression, tree.Unary) and expression.operator in ("*", "&"):
            expression = expression.operand
        if not isinstance(expression, tree.Name):
            raise problem(catalogue.IID_IS_NAME, expression.span, found="this expression")
        sibling = self.siblings.get(expression.name)
        if sibling is None:
            raise problem(catalogue.UNKNOWN_NAME, expression.span, name=expression.name)
        base = sibling.shape.base
        guid = isinstance(base, model.Guid) or (isinstance(base, Draft) and base.guid) or isinstance(base, Broken)
        if not guid or not all(level.pointer and level.size is None for level in sibling.shape.levels):
            raise problem(catalogue.IID_IS_NAME, expression.span, found=expression.name)
        return expression.name

    def _name(self, name: str, span: Span, stars: int, attribute: str) -> model.Expression:
        sibling = self.siblings.get(name)
        if sibling is None:
            if stars:
                raise problem(catalogue.UNKNOWN_NAME, span, name=name)
            return self._constant(name, span)
        shape = sibling.shape
        if isinstance(shape.base, Broken):
            return model.Sibling(name=name)
        pointers = sum(level.pointer for level in shape.levels)
        plain = len(shape.levels) == pointers and not any(level.size for level in shape.levels)
        if not plain or pointers != stars or not is_integer(shape.base):
            found = shape.spoken() if not stars or stars > pointers else "not an integer there"
            hint = f"; write {'*' * pointers}{name}" if plain and pointers and is_integer(shape.base) else ""
            spoken = f"[{attribute}]"
            raise problem(catalogue.SIZE_NOT_INTEGER, span, name=name, found=found, attribute=spoken, hint=hint)
        return model.Sibling(name=name)

    def _constant(self, name: str, span: Span) -> model.Expression:
        if not self.binding.values.known(name) and any(name in fields for fields in self.binding.around):
            raise problem(catalogue.SIZE_OUTSIDE, span, name=name, field=self.name)
        value = self.binding.value_of_name(tree.Name(span, name))
        if not isinstance(value, int):
            raise problem(catalogue.NOT_CONSTANT, span, what=f"{name}, which is no integer,")
        return model.Number(value=value)

    def _dereferenced(self, expression: tree.Expr, span: Span, attribute: str) -> model.Expression:
        stars = 0
        while isinstance(expression, tree.Unary) and expression.operator == "*":
            stars, expression = stars + 1, expression.operand
        if not isinstance(expression, tree.Name):
            raise problem(catalogue.BAD_EXPRESSION, span, what="`*` before anything but a name")
        return self._name(expression.name, span, stars, attribute)

    def _unary(self, operator: str, operand: tree.Expr, span: Span, attribute: str) -> model.Expression:
        zero = model.Number(value=0)
        if operator == "&":
            raise problem(catalogue.BAD_EXPRESSION, span, what="`&`")
        if operator == "!":
            return model.Binary(operator="==", left=self._condition(operand, attribute), right=zero)
        inner = self.expression(operand, attribute)
        if isinstance(inner, model.Number):
            return model.Number(value=constants.UNARY[operator](inner.value))
        if operator == "-":
            return model.Binary(operator="-", left=zero, right=inner)
        if operator == "~":
            return model.Binary(operator="^", left=inner, right=model.Number(value=-1))
        return inner

    def _binary(self, expression: tree.Binary, attribute: str) -> model.Expression:
        operator = expression.operator
        if operator in ("&&", "||"):
            left, right = (self._condition(side, attribute) for side in (expression.left, expression.right))
            return model.Binary(operator=operator, left=left, right=right)
        if operator in ("==", "!=") and (found := self._null_test(expression)):
            return found
        left, right = self.expression(expression.left, attribute), self.expression(expression.right, attribute)
        if isinstance(left, model.Number) and isinstance(right, model.Number):
            return model.Number(value=constants.apply(expression, left.value, right.value))
        if isinstance(right, model.Number):
            constants.apply(expression, 1, right.value)
        return model.Binary(operator=operator, left=left, right=right)

    def _null_test(self, expression: tree.Binary) -> model.Expression | None:
        """`p != NULL`, `p == 0` for a pointer p."""
        left, right = expression.left, expression.right
        if isinstance(left, (tree.Null, tree.Number)):
            left, right = right, left
        null = isinstance(right, tree.Null) or (isinstance(right, tree.Number) and not right.value)
        pointer = self._pointer(left)
        if not null or pointer is None:
            return None
        if expression.operator == "!=":
            return pointer
        return model.Binary(operator="==", left=pointer, right=model.Number(value=0))

    def _pointer(self, expression: tree.Expr) -> model.Expression | None:
        """Whether the pointer that `expression` names is there; None when it names no pointer."""
        if not isinstance(expression, tree.Name) or expression.name not in self.siblings:
            return None
        shape = self.siblings[expression.name].shape
        if not shape.levels or not shape.levels[0].pointer:
            return None
        return model.Present(name=expression.name)

    def _condition(self, expression: tree.Expr, attribute: str) -> model.Expression:
        return self._pointer(expression) or self.expression(expression, attribute)

    def _cast(self, expression: tree.Cast, attribute: str) -> model.Expression:
        """The operand cut to the type, where it can be wider, and with its sign."""
        shape = self.binding.shape_of(expression.type)
        inner = self.expression(expression.operand, attribute)
        if shape.levels or not isinstance(shape.base, model.Scalar) or not is_integer(shape.base):
            raise problem(catalogue.BAD_EXPRESSION, expression.span, what="a cast to anything but an integer")
        word = shape.base.word
        if isinstance(inner, model.Number):
            value = constants.converted(inner.value, shape)
            return model.Number(value=value if isinstance(value, int) else inner.value)
        if word == "Boolean":
            return model.Binary(operator="!=", left=inner, right=model.Number(value=0))
        bits = 8 * SIZES[word]
        if bits >= self._bits(inner):
            return inner
        cut = model.Binary(operator="&", left=inner, right=model.Number(value=(1 << bits) - 1))
        if RANGES[word][0] == 0:
            return cut
        sign = model.Number(value=1 << bits - 1)
        return model.Binary(operator="-", left=model.Binary(operator="^", left=cut, right=sign), right=sign)

    def _bits(self, expression: model.Expression) -> int:
        """How wide an expression can be: a count of 32 bits is taken to stay there."""
        names = siblings_in(expression)
        shapes = [self.siblings[name].shape for name in names if name in self.siblings]
        sizes = [SIZES[shape.base.word] for shape in shapes if isinstance(shape.base, model.Scalar)]
        widest = 8 * max(sizes, default=4)
        return widest if isinstance(expression, model.Sibling) else max(widest, 32)


def siblings_in(expression: model.Expression | None) -> frozenset[str]:
    """The names that an expression reads."""
    match expression:
        case model.Sibling(name=name) | model.Present(name=name) | model.Length(name=name):
            return frozenset((name,))
        case model.SizeOf(name=str(name)):
            return frozenset((name,))
        case model.Binary(left=left, right=right):
            return siblings_in(left) | siblings_in(right)
        case model.When(condition=condition, then=then, otherwise=otherwise):
            return siblings_in(condition) | siblings_in(then) | siblings_in(otherwise)
        case _:
            return frozenset()
