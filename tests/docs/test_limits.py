"""docs/limits.md says what the code does: every limit, its default, and nothing that is not there."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime import extended, ncacn, rundown
from lrpc.runtime.automation import safearray
from lrpc.runtime.callbacks import served
from lrpc.runtime.mapper import lookup, towers
from lrpc.runtime.mapper import service as mapper
from lrpc.runtime.mapper.endpoint_map import MapLimits
from lrpc.runtime.ndr import budget
from lrpc.transports.alpc import PortAttributes, QuotaLimits

DOCUMENT = Path(__file__).parents[2] / "docs" / "limits.md"
NO_LIMITS = ("flags", "memory_bandwidth", "dup_object_types", "quality_of_service", "lpc_mode", "lane", "user_quota")
"""What PortAttributes says besides."""
UNITS = {"": 1, "s": 1, "Ki": 1 << 10, "KiB": 1 << 10, "Mi": 1 << 20, "MiB": 1 << 20}


def table(heading: str) -> dict[str, float]:
    """The fields and defaults under a heading."""
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition(f"## `{heading}`\n")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) ?(\w*) \| \S", section.partition("\n## ")[0], re.MULTILINE)
    return {name: int(number) * UNITS[unit] for name, number, unit in rows}


@pytest.mark.parametrize(
    ("heading", "limits"),
    [
        ("lrpc.Limits", lrpc.Limits),
        ("lrpc.runtime.ncacn.Limits", ncacn.Limits),
        ("lrpc.runtime.mapper.endpoint_map.MapLimits", MapLimits),
        ("lrpc.transports.alpc.PortAttributes", PortAttributes),
        ("lrpc.transports.alpc.QuotaLimits", QuotaLimits),
    ],
)
def test_table_has_every_field_in_order_with_its_default(heading: str, limits: Any) -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(limits) if field.name not in NO_LIMITS}
    assert list(table(heading).items()) == list(defaults.items())


def test_constants_of_a_stub_have_the_values_of_the_table() -> None:
    rows = table("lrpc.runtime.ndr.budget")
    assert rows == {name: getattr(budget, name) for name in ("MAX_ITEMS", "NESTED_COST", "MAX_DEPTH")}
    assert f"{budget.MAX_ITEMS // budget.NESTED_COST:,} nodes" in DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (served, ("MAX_DEPTH",)),
        (extended, ("MAX_DETAIL", "MAX_RECORDS")),
        (rundown, ("MAX_THREADS",)),
    ],
)
def test_constants_of_calls_have_the_values_of_their_tables(module: Any, names: tuple[str, ...]) -> None:
    assert table(module.__name__) == {name: getattr(module, name) for name in names}


def test_constant_of_automation_has_the_value_of_the_table() -> None:
    assert table("lrpc.runtime.automation.safearray") == {"MAX_DIMENSIONS": safearray.MAX_DIMENSIONS}


def test_bounds_of_towers_and_of_the_mapper_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8").replace("\n", " ")
    assert f"{towers.MAX_FLOORS} floors and {towers.MAX_TOWER >> 10} KiB" in text
    assert f"{mapper.LIMITS.max_connections} connections" in text
    assert f"{mapper.LIMITS.max_contexts} searches" in text
    assert f"{lookup.MAX_FOUND} entries" in text


def test_constants_of_the_compiler_have_the_values_of_the_table() -> None:
    rows = re.findall(r"^\| `([\w.]+)\.(MAX_\w+)` \| (\d+) ?(\w*) \| \S", DOCUMENT.read_text(encoding="utf-8"), re.M)
    assert len(rows) > 10
    for module, name, number, unit in rows:
        constant = getattr(importlib.import_module(f"lrpc.rpcgen.{module}"), name)
        assert constant == int(number) * UNITS[unit], f"{module}.{name}"
