"""A codec that reads and writes by construct, rule by rule: slow, and right where the compiled one is in doubt.

Its twin is `compiler.Codec`, whose signatures these are; the commands' `--reference` takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .budget import MAX_ITEMS
from .compiler import NOTHING, Codec, Octets
from .layout import Encoding, Layout, Parameters
from .strictness import ALONE, Strictness


class ByConstruct(Codec):
    """What `Codec` is, by the reference reader and writer."""

    __slots__ = ()

    def encode(self, values: Sequence[Any], outer: Sequence[Any] = ()) -> list[Octets]:
        """The stub, in one part. Raises NdrError when a value does not fit its layout or contradicts a sibling."""
        named = _named(self.parameters, values)
        return [self.parameters.build(named, encoding=self.encoding, outer=_named(self.outer, outer))]

    def decode(
        self, stub: Octets, outer: Sequence[Any] = (), octets: Callable[[Any], Any] = bytes, items: int = MAX_ITEMS
    ) -> tuple[Any, ...]:
        """The parameters' values in order. Raises NdrError when the octets do not fit the layout."""
        outs = _named(self.outer, outer)
        found = self.parameters.parse(bytes(stub), encoding=self.encoding, outer=outs, strictness=self.strictness)
        return tuple(found[field.name] for field in self.parameters.fields)


def type_by_construct(layout: Layout, encoding: Encoding = Encoding.NDR, strictness: Strictness = ALONE) -> ByConstruct:
    """The codec of a single type, as `compiled_type` gives it."""
    return ByConstruct(Parameters("value" / layout), NOTHING, encoding, strictness)


def _named(parameters: Parameters, values: Sequence[Any]) -> dict[str, Any]:
    return {field.name: value for field, value in zip(parameters.fields, values, strict=False)}
