"""Random values of calls, such as Samba's stubs can hold: texts without NUL, counts that say what is there.

Counts that an array determines are left out, so that the writer fills them in; numbers that nothing depends on take
their whole range. Its counterpart is `samba_peer.py`, which reads and writes them with Samba's code.
"""

from __future__ import annotations

import dataclasses
import random
from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any

from lrpc.runtime.ndr.layout import AUTO, Boolean, Encoding, Enum, Field, Layout, Scalar, String, Struct, SwitchIs
from lrpc.runtime.ndr.reference_rules import Place, octets_each
from lrpc.runtime.ndr.reference_values import correlated_last
from lrpc.runtime.ndr.siblings import correlated
from tests.runtime.ndr.random_values import Values

WIDE = "abcXYZ09 $\u00e9\u20ac\u65e5\U0001f600"
"""Letters of one octet to four in UTF-8; the last is a pair of surrogates in UTF-16."""
NARROW = "abcXYZ09 $"
"""What every code page writes alike: Samba converts text of one octet a character."""


class CallValues(Values):
    """Draws with `chance`.

    special: values of members that Samba takes apart, by STRUCTURE.member or by a parameter's name; ending: of counted
    texts; answer: the parameters of the response, which speak of those of the request.
    """

    def __init__(
        self, chance: random.Random, special: Mapping[str, Any], ending: str = "", answer: Sequence[Field] = ()
    ) -> None:
        super().__init__(chance)
        self.special = special
        self.ending = ending
        self.answer = answer
        self._inside = ""
        self._counts = False

    def of(self, layout: Layout, siblings: Mapping[str, object] | None = None, depth: int = 0) -> Any:
        if isinstance(layout, Struct):
            return self._structure(layout, depth)
        if isinstance(layout, String):
            units = self.length(layout, Place("", siblings or {})) - 1
            return self.text(units, NARROW if octets_each(layout.unit) == 1 else WIDE)
        return super().of(layout, siblings, depth)

    def _structure(self, layout: Struct, depth: int) -> Any:
        outside, self._inside = self._inside, f"{layout.factory.__name__}."
        left_out = {field.name for field in dataclasses.fields(layout.factory) if field.default is AUTO}
        fields = [field for field in layout.fields if field.name not in left_out]
        drawn = self.members(fields, {}, depth + 1)
        self._inside = outside
        return layout.factory(**dict.fromkeys(left_out, AUTO), **drawn)

    def members(self, fields: Sequence[Field], outer: dict[str, object], depth: int) -> dict[str, Any]:
        speaking = fields if self._inside else [*fields, *self.answer]
        unions = {
            name: field.layout.union
            for field in speaking
            if isinstance(field.layout, SwitchIs)
            for name in field.layout.switch.names()
        }
        counts = correlated(speaking)
        inside = self._inside
        values: dict[str, Any] = {}
        for field in correlated_last(fields):
            self._counts = field.name in counts
            if inside + field.name in self.special:
                values[field.name] = self.special[inside + field.name]
            elif field.name in unions and isinstance(field.layout, Scalar):
                tag = self.chance.choice(list(unions[field.name].arms))
                values[field.name] = field.layout.by_value.get(tag, tag) if isinstance(field.layout, Enum) else tag
            else:
                values[field.name] = self.of(field.layout, ChainMap(values, outer), depth)
        return {field.name: values[field.name] for field in fields}

    def number(self, layout: Scalar) -> Any:
        """Small where a count is meant."""
        if self._counts or layout is Boolean or isinstance(layout, Enum) or layout.code(Encoding.NDR) in "fd":
            return super().number(layout)
        bits = 8 * layout.size(Encoding.NDR)
        number = self.chance.choice((0, 1, (1 << bits) - 1, self.chance.getrandbits(bits)))
        return number - (1 << bits) if layout.code(Encoding.NDR).islower() and number >> (bits - 1) else number

    def row(self, element: Layout, count: int, place: Place, depth: int) -> Any:
        if octets_each(element) == 2:
            return self.text(count, WIDE) + self.ending
        if octets_each(element) == 1:
            return self.text(max(count, 0), NARROW).encode()
        return super().row(element, count, place, depth)

    def text(self, units: int, letters: str) -> str:
        """So many code units."""
        found = ""
        while (room := units - len(found.encode("utf-16-le")) // 2) > 0:
            found += self.chance.choice(letters if room > 1 else letters.replace(WIDE[-1], ""))
        return found
