"""Who may import whom: the code is held to the table and the floors of the house.

Only imports at module level count for floors and circles; any import at all counts for what a folder must not know.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import lrpc

PACKAGE = Path(lrpc.__file__).parent
FOLDERS = ("rpcgen", "runtime", "transports")
WORLD = frozenset(
    {"socket", "asyncio", "threading", "select", "selectors", "time", "random", "os", "subprocess", "ssl"}
)

# The floors, from the ground; a module imports from lower floors, or from its own where that makes no circle.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"transports"}),
    frozenset({"runtime.ndr"}),
    frozenset(
        {
            "runtime.binding",
            "runtime.status",
            "runtime.classes",
            "runtime.journal",
            "runtime.eager",
            "runtime.looking",
            "runtime.prompt",
            "runtime.policy",
        }
    ),
    frozenset({"runtime.mapper.towers"}),
    frozenset({"runtime.mapper.endpoint_map"}),
    frozenset({"runtime.contexts", "runtime.ncacn", "runtime.ncalrpc", "runtime.automation"}),
    frozenset({"runtime.capture", "runtime.authentication"}),
    frozenset({"runtime.call", "runtime.handles"}),
    frozenset({"runtime.operation"}),
    frozenset({"runtime.admission", "runtime.quota", "runtime.impersonating", "runtime.system"}),
    frozenset({"runtime.pipes.piping", "runtime.pipes.piped_reply"}),
    frozenset({"runtime.intercept", "runtime.otel"}),
    frozenset({"runtime.carrier", "runtime.handle", "runtime.stub", "runtime.serialization", "runtime.allocation"}),
    frozenset(
        {
            "runtime.flat",
            "runtime.flat_lane",
            "runtime.flat_prompt",
            "runtime.plain",
            "runtime.faces",
            "runtime.rundown",
            "runtime.callbacks",
            "runtime.pipes",
            "runtime.handshake",
            "runtime.wire",
            "runtime.lrpc_wire",
            "runtime.pdu_wire",
            "runtime.cancelling",
            "runtime.dispatch",
            "runtime.runner",
            "runtime.ended",
            "runtime.session",
            "runtime.flat_serving",
            "runtime.flat_turns",
            "runtime.flat_straight",
            "runtime.plain_serving",
            "runtime.lrpc_session",
            "runtime.pdu_answering",
            "runtime.pdu_session",
            "runtime.outcomes",
            "runtime.sending",
            "runtime.channel",
            "runtime.prompt_calls",
            "runtime.async_channel",
            "runtime.recovery",
            "runtime.async_recovery",
            "runtime.batching",
        }
    ),
    frozenset({"runtime.interfaces", "runtime.by_name"}),
    frozenset({"runtime.extended"}),
    frozenset({"runtime.locate", "runtime.mapper.lookup", "runtime.endpoints", "runtime.management"}),
    frozenset({"runtime.serving"}),
    frozenset(
        {
            "runtime.reaching",
            "runtime.connect",
            "runtime.server",
            "runtime.async_server",
            "runtime.mapper.registration",
            "runtime.mapper.service",
        }
    ),
    frozenset({"runtime.acting"}),
    frozenset({"runtime.async_acting"}),
    frozenset(
        {
            "runtime.host",
            "runtime.ping",
            "runtime.ports",
            "runtime.verbs",
            "runtime.demo",
            "runtime.mapper",
            "runtime.objects",
        }
    ),
    frozenset({"cli"}),
    frozenset({"__main__"}),
    frozenset({""}),
)


class Import(NamedTuple):
    """One import: which module makes it, of what, and whether it runs when the module is loaded."""

    module: str
    target: str
    names: tuple[str, ...]
    at_load: bool
    line: int


def modules() -> dict[str, Path]:
    """The modules of the package, by dotted name below it."""
    found = {"": PACKAGE / "__init__.py"}
    for name in ("cli", "__main__"):
        found[name] = PACKAGE / f"{name}.py"
    for folder in FOLDERS:
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            parts = [folder, *path.relative_to(PACKAGE / folder).with_suffix("").parts]
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports_of(name: str, path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    deferred = {id(inner) for node in ast.walk(tree) if _is_deferred(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, (), id(node) not in deferred, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package[: len(package) - (node.level - 1)]
                base = ".".join(["lrpc", *(part for part in above if part), *([base] if base else [])])
            yield Import(name, base, tuple(alias.name for alias in node.names), id(node) not in deferred, node.lineno)


def _is_deferred(node: ast.AST) -> bool:
    """Functions run later, and what stands under TYPE_CHECKING never."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return True
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


IMPORTS = [found for name, path in MODULES.items() for found in imports_of(name, path)]


def own(found: Import) -> list[str]:
    """The modules of the package that an import loads."""
    if found.target != "lrpc" and not found.target.startswith("lrpc."):
        return []
    base = found.target.removeprefix("lrpc").removeprefix(".")
    below = [f"{base}.{name}".removeprefix(".") for name in found.names]
    loaded = [name for name in below if name in MODULES]
    return loaded if loaded and len(loaded) == len(below) else [*loaded, base]


def within(module: str, folder: str) -> bool:
    return module == folder or module.startswith(f"{folder}.")


def offences(folder: str, *allowed: str) -> list[str]:
    """Imports in a folder of what is neither in it nor allowed."""
    return [
        f"{found.module}:{found.line} imports {target}"
        for found in IMPORTS
        if within(found.module, folder)
        for target in own(found)
        if not any(within(target, one) for one in (folder, *allowed))
    ]


def floor_of(module: str) -> int:
    for number, floor in enumerate(FLOORS):
        if any(within(module, one) if one else module == one for one in floor):
            return number
    raise AssertionError(f"{module} stands on no floor: give it one")


# The table


def test_the_package_is_found_whole() -> None:
    assert {"runtime.stub", "runtime.ndr.layout", "transports.seam", "rpcgen.model", ""} <= set(MODULES)
    assert len(IMPORTS) > 200


def test_transports_import_nobody() -> None:
    assert offences("transports") == []


@pytest.mark.parametrize("folder", ["runtime.ncacn", "runtime.ncalrpc"])
def test_protocols_import_nobody(folder: str) -> None:
    assert offences(folder) == []


def test_ndr_imports_nobody() -> None:
    assert offences("runtime.ndr") == []


def test_the_compiler_imports_only_the_vocabulary_and_what_it_is_written_in() -> None:
    assert offences("rpcgen", "runtime.ndr") == []


def test_the_runtime_does_not_know_the_compiler() -> None:
    assert offences("runtime", "transports") == []


@pytest.mark.parametrize("folder", ["runtime.ndr", "runtime.ncacn", "runtime.ncalrpc"])
def test_engines_know_nothing_of_the_world(folder: str) -> None:
    worldly = [
        f"{found.module}:{found.line} imports {found.target}"
        for found in IMPORTS
        if within(found.module, folder)
        and (
            found.target.partition(".")[0] in WORLD or (found.target == "uuid" and {"uuid1", "uuid4"} & {*found.names})
        )
    ]
    assert worldly == []


def test_stubs_import_the_stub_module_and_the_standard_library() -> None:
    stubs = [found for found in IMPORTS if found.module.startswith("runtime.interfaces.")]
    assert stubs
    for found in stubs:
        assert own(found) == ["runtime.stub"] or found.target.partition(".")[0] in sys.stdlib_module_names, found


def test_inside_the_package_imports_are_relative() -> None:
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            absolute = isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("lrpc")
            assert name in ("", "cli") or not absolute, f"{name}:{node.lineno}"  # type: ignore[attr-defined]


# The floors


def test_every_module_imports_from_below_only() -> None:
    upwards = [
        f"{found.module}:{found.line} imports {target}"
        for found in IMPORTS
        if found.at_load and not within(found.module, "rpcgen")
        for target in own(found)
        if target not in ("", "runtime")
        if not within(target, "rpcgen") and floor_of(target) > floor_of(found.module)
    ]
    assert upwards == []


def test_there_is_no_circle() -> None:
    graph = {name: set[str]() for name in MODULES}
    for found in IMPORTS:
        if found.at_load:
            graph[found.module] |= {target for target in own(found) if target in MODULES and target != found.module}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " imports ".join((*path[path.index(name) :], name))
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


# What importing costs


@pytest.mark.parametrize("source", ["import lrpc", "import lrpc; from lrpc.runtime.interfaces import mgmt"])
def test_the_blocking_face_loads_nothing_that_it_does_not_need(source: str) -> None:
    import os
    import subprocess

    heavy = ("asyncio", "lark", "pydantic", "typer", "rich")
    program = f"{source}\nimport sys\nprint([name for name in {heavy!r} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_checks_see_what_they_should(tmp_path: Path) -> None:
    module = tmp_path / "bad.py"
    module.write_text("from ..transports import seam\nfrom . import x\ndef f():\n    import socket\n")
    found = list(imports_of("runtime.bad", module))
    assert [(one.target, one.names, one.at_load) for one in found] == [
        ("lrpc.transports", ("seam",), True),
        ("lrpc.runtime", ("x",), True),
        ("socket", (), False),
    ]
