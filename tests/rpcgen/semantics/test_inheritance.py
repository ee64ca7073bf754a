"""Inheritance: numbers behind those of the base, imported bases, and families that cannot be."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import model
from tests.rpcgen.texts import codes, compiled, made

RPC = "[uuid(12345678-1234-1234-1234-1234567890{:02})]"
OBJECT = "[object, uuid(12345678-1234-1234-1234-1234567890{:02})]"


def numbers(interface: model.Interface) -> list[tuple[str, int]]:
    return [(found.name, found.number) for found in interface.operations]


def test_plain_interface_counts_on_from_its_base() -> None:
    text = f"{RPC.format(1)} interface b {{ void f(); void g(); }} {RPC.format(2)} interface c : b {{ void h(); }}"
    base, derived = made(text).interfaces
    assert numbers(base) == [("f", 0), ("g", 1)]
    assert numbers(derived) == [("h", 2)]
    assert derived.base == "b"


def test_callbacks_count_on_from_the_base_too() -> None:
    text = f"{RPC.format(1)} interface b {{ [callback] void f(); }}"
    text += f"{RPC.format(2)} interface c : b {{ [callback] void g(); }}"
    assert [found.callbacks[0].number for found in made(text).interfaces] == [0, 1]


def test_object_interface_begins_behind_iunknown() -> None:
    (found,) = made(f'import "unknwn.idl"; {OBJECT.format(1)} interface a : IUnknown {{ HRESULT f(); }}').interfaces
    assert found.object
    assert found.base == "IUnknown"
    assert numbers(found) == [("f", 3)]


def test_dispatch_stands_in_when_nobody_defines_it() -> None:
    text = f'import "unknwn.idl"; {OBJECT.format(1)} interface a : IDispatch {{ HRESULT f(); }}'
    dispatch, found = made(text).interfaces
    assert (dispatch.name, dispatch.imported, dispatch.object) == ("IDispatch", True, True)
    assert [each.number for each in dispatch.operations] == [3, 4, 5, 6]
    assert all(each.local for each in dispatch.operations)
    assert numbers(found) == [("f", 7)]


def test_dispatch_that_a_file_defines_is_taken() -> None:
    text = f'import "unknwn.idl"; {OBJECT.format(1)} interface IDispatch : IUnknown {{ HRESULT g(); }}'
    text += f"{OBJECT.format(2)} interface a : IDispatch {{ HRESULT f(); }}"
    assert [numbers(found) for found in made(text).interfaces] == [[("g", 3)], [("f", 4)]]


def test_interface_that_derives_from_an_object_is_one() -> None:
    text = f'import "unknwn.idl"; {RPC.format(1)} interface a : IUnknown {{ HRESULT f(); }}'
    assert made(text).interfaces[0].object


def test_imported_base_comes_first_with_its_types() -> None:
    base = f"{RPC.format(1)} interface b {{ typedef struct s {{ long x; }} s; void f([in] s *a); }}"
    other = f"{RPC.format(3)} interface d {{ typedef struct t {{ long x; }} t; void f([in] t *a); }}"
    found = made(f'import "b.idl"; {RPC.format(2)} interface c : b {{ void g(); }}', b=base + other)
    assert [(each.name, each.imported) for each in found.interfaces] == [("b", True), ("c", False)]
    assert numbers(found.interfaces[1]) == [("g", 1)]
    assert [each.name for each in found.definitions] == ["s"]


def test_bases_of_an_imported_base_come_too() -> None:
    files = {
        "b": f"{RPC.format(1)} interface b {{ void f(); }}",
        "c": f'import "b.idl"; {RPC.format(2)} interface c : b {{ void g(); }}',
    }
    found = made(f'import "c.idl"; {RPC.format(3)} interface d : c {{ void h(); }}', **files)
    assert [numbers(each) for each in found.interfaces] == [[("f", 0)], [("g", 1)], [("h", 2)]]


def test_problem_of_an_imported_base_is_reported() -> None:
    base = f"{RPC.format(1)} interface b {{ void f([in] missing a); }}"
    assert codes(f'import "b.idl"; {RPC.format(2)} interface c : b {{ }}', b=base) == ["E0301"]


def test_problem_of_an_imported_interface_that_is_no_base_is_not() -> None:
    base = f"{RPC.format(1)} interface b {{ void f([in] missing a); }}"
    assert codes(f'import "b.idl"; {RPC.format(2)} interface c {{ }}', b=base) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("interface a : nowhere {}", "E0706"),
        ("interface x; interface a : x {}", "E0706"),
        ("interface a : a {}", "E0707"),
        ("interface a : b {} interface b : a {}", "E0707"),
        ("interface a {} interface a {}", "E0303"),
    ],
)
def test_family_that_cannot_be_is_one_error(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_base_may_be_defined_behind_what_derives_from_it() -> None:
    text = f"{RPC.format(1)} interface a : b {{ void f(); }} {RPC.format(2)} interface b {{ void g(); void h(); }}"
    text += f"{RPC.format(3)} interface z {{ void i(); }}"
    found = made(text).interfaces
    assert [numbers(each) for each in found] == [[("g", 0), ("h", 1)], [("f", 2)], [("i", 0)]]


def test_operations_that_take_no_number_of_the_base_do_not_count() -> None:
    text = f"{RPC.format(1)} interface b {{ const long K = 1; typedef long t; [local] void f(); [call_as(f)] void g();"
    text += f"[callback] void h(); }} {RPC.format(2)} interface c : b {{ void i(); [callback] void j(); }}"
    found = made(text).interfaces[1]
    assert (found.operations[0].number, found.callbacks[0].number) == (1, 1)


def test_message_of_an_announced_base_says_so() -> None:
    assert "announced and never defined" in str(compiled("interface x; interface a : x {}").errors[0])


def test_message_of_a_circle_names_it() -> None:
    assert "a : b : a" in str(compiled("interface a : b {} interface b : a {}").errors[0])


def test_interfaces_are_types_before_their_definition() -> None:
    text = f'import "unknwn.idl"; {OBJECT.format(1)} interface a : IUnknown {{ HRESULT f([in] b *p); }}'
    text += f"{OBJECT.format(2)} interface b : IUnknown {{ }}"
    type_ = made(text).interfaces[0].operations[0].parameters[0].type
    assert isinstance(type_, model.Pointer)
    assert isinstance(type_.target, model.InterfacePointer)
    assert (type_.target.name, type_.target.iid) == ("b", "12345678-1234-1234-1234-123456789002")


def test_object_interface_needs_a_uuid_and_a_base() -> None:
    assert codes("[object] interface a : IUnknown {}") == ["W0701"]
    assert codes(f"{OBJECT.format(1)} interface a {{}}") == ["W0709"]


def test_version_of_an_object_interface_is_a_warning() -> None:
    text = "[object, uuid(12345678-1234-1234-1234-123456789012), version(1.0)] interface a : IUnknown {}"
    assert codes(text) == ["W0710"]
