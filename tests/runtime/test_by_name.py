"""Operations and types by name, their values as JSON, octets, and calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import lrpc
from lrpc.runtime.by_name import (
    Form,
    UnknownName,
    call,
    client_class,
    explain,
    find,
    find_interface,
    find_operation,
    pack,
    unpack,
)
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Encoding

IDL = """
[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e01), version(1.0)]
interface First
{
    typedef enum { RED = 1, BLUE = 2 } Color;
    typedef struct { short n; [size_is(n)] long *items; } Row;
    typedef union switch (short t) u { case 1: byte b; case 2: hyper h; } Either;
    typedef [context_handle] void *TALLY;

    long Add([in] long a, [in] long b);
    void Divide([in] long a, [in] long b, [out] long *quotient, [out] long *remainder);
    void Nothing();
    error_status_t Open([in, string] wchar_t *name, [out] TALLY *tally);
    error_status_t Close([in, out] TALLY *tally);
    error_status_t Search([in] long n, [out] long *needed, [out] long *more);
    void Echo([in] long n, [in, size_is(n)] byte data[], [out, size_is(n)] byte back[]);
    void Same([in] long class);
}
[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e02), version(1.0)]
interface Second
{
    void Same([in] long other);
    long Only();
}
"""


@pytest.fixture(scope="module")
def stub() -> ModuleType:
    return lrpc.load(IDL)


@pytest.fixture
def client(stub: ModuleType) -> Iterator[Any]:
    class Tally:
        pass

    class Service(stub.First):  # type: ignore[misc, name-defined]
        def Add(self, a, b):
            return a + b

        def Divide(self, a, b):
            return divmod(a, b)

        def Nothing(self):
            pass

        def Open(self, name):
            if name == "bad":
                raise lrpc.StatusError(2)
            return Tally()

        def Close(self, tally):
            return None

        def Search(self, n):
            raise lrpc.StatusError(234, (n + 1, n + 2))

        def Echo(self, data, *, n):
            return data

        def Same(self, class_):
            pass

    with lrpc.Server() as server:
        server.register(Service())
        server.listen("memory:[by-name]")
        server.start()
        with lrpc.connect(client_class(stub, stub.First.interface), "memory:[by-name]") as connected:
            yield connected


def operation(stub: ModuleType, name: str) -> Any:
    return find_operation(stub, name).operation


# Names


@pytest.mark.parametrize("name", ["Only", "Second.Only"])
def test_operation_is_found_with_and_without_its_interface(stub: ModuleType, name: str) -> None:
    found = find_operation(stub, name)
    assert (found.interface.name, found.operation.name) == ("Second", "Only")


def test_operation_of_two_interfaces_needs_the_interface(stub: ModuleType) -> None:
    with pytest.raises(UnknownName, match=r"First\.Same or Second\.Same"):
        find_operation(stub, "Same")
    assert find_operation(stub, "Second.Same").interface.name == "Second"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("add", "First.Add"), ("First.Dvide", "First.Divide"), ("Second.Add", "First.Add"), ("", "First")],
)
def test_unknown_operation_names_what_is_near(stub: ModuleType, name: str, hint: str) -> None:
    with pytest.raises(UnknownName, match=hint):
        find_operation(stub, name)


def test_only_interface_needs_no_name(stub: ModuleType) -> None:
    assert find_interface(stub, "Second") is stub.Second.interface
    with pytest.raises(UnknownName, match="First, Second"):
        find_interface(stub, None)


def test_types_and_operations_are_found_by_one_question(stub: ModuleType) -> None:
    assert find(stub, "Row") is stub.__layouts__["Row"]
    assert find(stub, "Add") is find(stub, "First.Add") is operation(stub, "Add")
    with pytest.raises(UnknownName, match="Row"):
        find(stub, "Raw")


def test_stub_without_operations_says_that_there_is_none() -> None:
    with pytest.raises(UnknownName, match="there is none"):
        find_operation(lrpc.load("typedef long Number;\n"), "Add")


def test_interface_of_another_stub_has_no_client_here(stub: ModuleType) -> None:
    with pytest.raises(UnknownName, match="no client"):
        client_class(lrpc.load("typedef long Number;\n"), stub.First.interface)


# Octets

FORMS = [
    ("Color", "in", None, 2, "0200", "0002", "02000000"),
    ("Row", "in", None, {"n": 2, "items": [1, -1]},
     "02000000 00000200 02000000 01000000 ffffffff",
     "00020000 00020000 00000002 00000001 ffffffff",
     "0200000000000000 0000020000000000 0200000000000000 01000000 ffffffff"),
    ("Add", "in", None, {"a": 2, "b": 3}, "02000000 03000000", "00000002 00000003", "02000000 03000000"),
    ("Add", "out", None, {"__return__": 5}, "05000000", "00000005", "05000000"),
    ("Echo", "in", None, {"n": 2, "data": [7, 8]},
     "02000000 02000000 0708", "00000002 00000002 0708", "02000000 00000000 0200000000000000 0708"),
    ("Echo", "out", {"n": 2, "data": [0, 0]}, {"back": [7, 8]}, "02000000 0708", "00000002 0708",
     "0200000000000000 0708"),
    ("Nothing", "in", None, {}, "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize("place", range(3), ids=["ndr", "ndr_big", "ndr64"])
@pytest.mark.parametrize("row", FORMS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_values_and_octets_go_both_ways(stub: ModuleType, row: Any, place: int) -> None:
    name, direction, given, data, *octets = row
    form = Form((Encoding.NDR, Encoding.NDR_BIG, Encoding.NDR64)[place], direction, given)
    expected = bytes.fromhex(octets[place])
    assert pack(find(stub, name), data, form).hex(" ") == expected.hex(" ")
    assert unpack(find(stub, name), expected, form) == (data, 0)


@pytest.mark.parametrize("place", range(3), ids=["ndr", "ndr_big", "ndr64"])
@pytest.mark.parametrize("row", FORMS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_octets_are_explained_as_they_are_read(stub: ModuleType, row: Any, place: int) -> None:
    name, direction, given, data, *octets = row
    form = Form((Encoding.NDR, Encoding.NDR_BIG, Encoding.NDR64)[place], direction, given)
    found, value = explain(find(stub, name), bytes.fromhex(octets[place]), form)
    assert (value, found.error, found.behind) == (data, None, 0)
    assert b"".join(piece.octets for piece in found.pieces) == bytes.fromhex(octets[place])


def test_errors_in_a_type_have_its_own_paths(stub: ModuleType) -> None:
    row = find(stub, "Row")
    octets = bytes.fromhex("0200 0000 00000200 02000000 01000000")
    with pytest.raises(NdrError) as caught:
        unpack(row, octets, Form())
    explained = explain(row, octets, Form())[0].error
    assert (caught.value.path, str(caught.value)) == ("items", str(explained))
    with pytest.raises(NdrError) as caught:
        pack(row, {"n": 1, "items": [1, 2]}, Form())
    assert caught.value.path == "items"


def test_count_that_an_array_determines_may_be_left_out(stub: ModuleType) -> None:
    assert pack(find(stub, "Echo"), {"data": [7]}, Form()).hex() == "010000000100000007"
    assert pack(find(stub, "Row"), {"items": [7]}, Form()) == pack(find(stub, "Row"), {"n": 1, "items": [7]}, Form())


def test_octets_behind_a_value_are_counted(stub: ModuleType) -> None:
    assert unpack(find(stub, "Add"), bytes.fromhex("0200000003000000ffffff"), Form()) == ({"a": 2, "b": 3}, 3)
    assert unpack(find(stub, "Color"), bytes.fromhex("0100ff"), Form()) == (1, 1)


@pytest.mark.parametrize("name", ["Add", "Row", "Echo"])
def test_octets_that_are_cut_short_are_an_ndr_error(stub: ModuleType, name: str) -> None:
    whole = pack(find(stub, name), {"a": 1, "b": 2} if name == "Add" else _row(name), Form())
    for cut in range(len(whole)):
        with pytest.raises(NdrError):
            unpack(find(stub, name), whole[:cut], Form())


def _row(name: str) -> dict[str, Any]:
    return {"items": [1]} if name == "Row" else {"data": [1]}


@pytest.mark.parametrize(
    "data", [{"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": "2"}, {"a": 1, "b": 1 << 40}, 5, None]
)
def test_json_that_does_not_fit_is_an_ndr_error(stub: ModuleType, data: Any) -> None:
    with pytest.raises(NdrError):
        pack(find(stub, "Add"), data, Form())


def test_response_whose_sizes_the_request_says_asks_for_them(stub: ModuleType) -> None:
    for action in (lambda: pack(find(stub, "Echo"), {"back": [1]}, Form(direction="out")),
                   lambda: unpack(find(stub, "Echo"), bytes(4), Form(direction="out"))):  # fmt: skip
        with pytest.raises(NdrError, match=r"n; give those too"):
            action()


# Calls


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("Add", {"a": 2, "b": 3}, {"__return__": 5}),
        ("Divide", {"a": 7, "b": 2}, {"quotient": 3, "remainder": 1}),
        ("Nothing", {}, {}),
        ("Echo", {"data": [1, 2]}, {"back": [1, 2]}),
        ("First.Same", {"class_": 1}, {}),
        ("Close", {"tally": None}, {"tally": None}),
    ],
)
def test_call_takes_and_gives_json_by_name(stub: ModuleType, client: Any, name: str, data: Any, expected: Any) -> None:
    assert call(client, operation(stub, name), data) == expected


def test_context_handle_goes_through_json(stub: ModuleType, client: Any) -> None:
    opened = call(client, operation(stub, "Open"), {"name": "good"})
    assert set(opened["tally"]) == {"attributes", "uuid"}
    assert call(client, operation(stub, "Close"), opened) == {"tally": None}
    with pytest.raises(lrpc.ContextMismatch):
        call(client, operation(stub, "Close"), opened)


def test_status_that_means_failure_has_its_results_as_json(stub: ModuleType, client: Any) -> None:
    with pytest.raises(lrpc.StatusError) as caught:
        call(client, operation(stub, "Search"), {"n": 5})
    assert (caught.value.code, caught.value.result) == (234, {"needed": 6, "more": 7})


def test_status_without_results_has_none(stub: ModuleType, client: Any) -> None:
    with pytest.raises(lrpc.StatusError) as caught:
        call(client, operation(stub, "Open"), {"name": "bad"})
    assert (caught.value.name, caught.value.result) == ("ERROR_FILE_NOT_FOUND", None)


def test_arguments_that_do_not_fit_send_nothing(stub: ModuleType, client: Any) -> None:
    with pytest.raises(lrpc.ArgumentError, match=r"Add: b: is missing") as caught:
        call(client, operation(stub, "Add"), {"a": 1})
    assert caught.value.ran is lrpc.Ran.NO


def test_pipes_are_lists_of_chunks(piper: ModuleType, binding_for: Callable[[str], str]) -> None:
    with lrpc.Server() as server:
        server.register(piper.Service(piper.Seen()))
        where = server.listen(binding_for("memory"))
        server.start()
        with lrpc.connect(piper.stub.PiperClient, str(where)) as client:

            def made(name: str, /, **data: Any) -> Any:
                return call(client, piper.stub.Piper.interface.operation(name), data)

            assert made("Sum", name="x", data=[[1, 2], [3], []]) == {"__return__": 3}
            assert made("Pull", n=2) == {"numbers": [[0, 1], []]}
            assert made("Echo", data=[[1, 2], []]) == {"back": [[1, 2], []]}
            assert made("Watch", n=1) == {
                "numbers": [[0], []], "name": "done", "data": [[120] * 6, []], "__return__": 6,
            }  # fmt: skip
