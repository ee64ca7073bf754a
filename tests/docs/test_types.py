"""docs/types.md is true: each row is an operation, whose stub says what the row says, and which is called both ways."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, cast
from uuid import UUID

import pytest

import lrpc
from lrpc.rpcgen import compile_idl, generate
from lrpc.runtime import by_name

PAGE = (Path(__file__).parents[2] / "docs" / "types.md").read_text(encoding="utf-8")
[TYPES] = re.findall(r"```c\n(.*?)```", PAGE, re.DOTALL)


class Row(NamedTuple):
    operation: str
    """As IDL, of the name of the row."""
    first: str
    second: str
    example: str
    json: str


def rows(section: str, letter: str) -> dict[str, Row]:
    """The rows of a section by the names that their operations have here."""
    [text] = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    found: dict[str, Row] = {}
    for number, cells in enumerate(re.findall(r"^\| (`.*`) \|(?: (.*))? \|$", text, re.MULTILINE)):
        name = f"{letter}{number}"
        line = f"{cells[0]} | {cells[1]}" if cells[1] else cells[0]
        parts = [part.strip().strip("`").replace("\\|", "|") for part in re.split(r"(?<!\\)\|", line)]
        operation, *others = [re.sub(r"\bF(?=\(|Result)", name, part) for part in [*parts, ""][:5]]
        found[name] = Row(f"void {name}({operation})" if letter == "I" else operation, *others)
    return found


GIVEN, RETURNED = rows("What goes in", "I"), rows("What comes back", "O")
IDL = "\n".join(
    [
        'import "ms-oaut.idl";',
        "[uuid(5a0f3f5e-51a7-4c7b-9a55-2d6f3f1c7e08), version(1.0)] interface Types {",
        TYPES,
        *(f"{row.operation};" for row in (GIVEN | RETURNED).values()),
        "void Open([out] BOOK *book);",
        "}",
    ]
)


@pytest.fixture(scope="module")
def text() -> str:
    compilation = compile_idl("types.idl", reader={"types.idl": IDL}.__getitem__)
    assert compilation.model is not None, compilation.diagnostics
    return generate(compilation.model, source="types.idl", command="test")


@pytest.fixture(scope="module")
def stub() -> ModuleType:
    return lrpc.load(IDL)


def signature(text: str, name: str, owner: str) -> tuple[str, str]:
    """The annotations of `x`, empty without one, and of the result."""
    [body] = re.findall(rf"^class {owner}\(.*?(?=^class |\Z)", text, re.MULTILINE | re.DOTALL)
    [(parameters, result)] = re.findall(rf"def {name}\((.*?)\) -> (.*?):(?: \.\.\.)?\n", body, re.DOTALL)
    given = re.search(r"\bx: (.*?)(?:,? \*|, \w+:|,?\s*$)", parameters)
    return given[1] if given else "", result


@pytest.mark.parametrize("name", GIVEN)
def test_parameter_is_of_the_types_that_the_page_says(name: str, text: str) -> None:
    assert signature(text, name, "TypesClient")[0] == GIVEN[name].first
    assert signature(text, name, "Types")[0] == GIVEN[name].second


@pytest.mark.parametrize("name", RETURNED)
def test_result_is_of_the_types_that_the_page_says(name: str, text: str) -> None:
    assert signature(text, name, "Types")[1] == RETURNED[name].first
    assert signature(text, name, "TypesClient")[1] == RETURNED[name].second


class Served:
    """A server whose methods keep what they get, and return what they are told to; and its client."""

    def __init__(self, stub: ModuleType, client: Any) -> None:
        self.stub = stub
        self.client = client
        self.got: list[Any] = []
        self.result: Any = None
        self.book = object()

    def method(self, name: str) -> Any:
        def run(_: object, *given: Any, **counts: int) -> Any:
            self.got.append([kept(value) for value in given])
            return self.book if name == "Open" else self.result

        return run

    def by_json(self, name: str, members: str) -> Any:
        operation = by_name.find_operation(self.stub, name).operation
        return by_name.call(self.client, operation, json.loads(f"{{{members}}}"))


def kept(value: Any) -> Any:
    if isinstance(value, lrpc.SystemHandle):
        return os.fstat(value.fileno()).st_ino
    return list(cast(Iterator[object], value)) if isinstance(value, Iterator) else value


@pytest.fixture
def served(stub: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    names = tmp_path / "names"
    names.mkdir(mode=0o700)
    monkeypatch.setenv("LRPC_NAMESPACE", str(names))
    found = Served(stub, None)
    methods = {each.method: found.method(each.name) for each in stub.Types.interface.operations}
    with lrpc.Server() as server:
        server.register(type("Methods", (stub.Types,), methods)())
        server.listen("ncalrpc:[types]")
        server.start()
        with lrpc.connect(stub.TypesClient, "ncalrpc:[types]") as found.client:
            yield found


def arguments(example: str, **names: Any) -> Sequence[Any]:
    return eval(f"({example},)", {"UUID": UUID, **names})  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", GIVEN)
def test_method_gets_the_example_by_python_and_by_json(name: str, served: Served, tmp_path: Path) -> None:
    row, method = GIVEN[name], getattr(served.client, name)
    with open(tmp_path / "file", "wb") as file:
        if row.example == "book":
            method(book := served.client.Open())
            served.by_json(name, row.json.replace("...", str(book.wire[1])))
            assert served.got[1:] == [[served.book], [served.book]]
        elif row.example == "file":
            method(file)
            assert served.got == [[os.fstat(file.fileno()).st_ino]]
        else:
            method(*arguments(row.example, stub=served.stub))
            served.by_json(name, row.json)
            first, second = served.got
            assert first == second
            assert first[-1] == arguments(row.example, stub=served.stub)[-1] or "COUNTED" in row.example
            assert isinstance(first[-1], bytes | list) or "Sequence" not in row.second


@pytest.mark.parametrize("name", RETURNED)
def test_call_gives_the_example_in_python_and_in_json(name: str, served: Served) -> None:
    row, method = RETURNED[name], getattr(served.client, name)
    given = (1,) if "[in" in row.operation else ()
    if row.example == "book":
        served.result = served.book
        uuid = served.by_json(name, "")["y"]["uuid"]
        assert row.json.replace("...", uuid) == f'"y": {{"attributes": 0, "uuid": "{UUID(uuid)}"}}'
    elif row.example == "event":
        served.result = lrpc.SystemHandle(os.eventfd(5))
        assert os.eventfd_read(method().fileno()) == 5
    else:
        [expected] = arguments(row.example, stub=served.stub)
        served.result = iter(expected) if "Iterator" in row.first else expected
        assert kept(method(*given)) == expected
        served.result = iter(expected) if "Iterator" in row.first else expected
        assert served.by_json(name, '"y": 1' if given else "") == json.loads(f"{{{row.json}}}")


def test_a_failed_nt_status_is_raised_and_another_success_is_a_result(served: Served) -> None:
    [name] = [name for name, row in RETURNED.items() if row.operation.startswith("NTSTATUS")]
    served.result = getattr(served.stub, f"{name}Result")(5, 0xC0000005)
    with pytest.raises(lrpc.StatusError) as caught:
        getattr(served.client, name)()
    assert caught.value.code == 0xC0000005
