"""Headers of interfaces: uuid, version, pointer default, endpoints and binding."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, compile_idl, model

UUID = "12345678-1234-ABCD-1234-123456789012"


def compiled(attributes: str) -> Compilation:
    return compile_idl("a.idl", reader={"a.idl": f"[{attributes}] interface a {{ void f(); }}"}.__getitem__)


def interface(attributes: str) -> model.Interface:
    found = compiled(attributes)
    assert found.model is not None, found.diagnostics
    return found.model.interfaces[0]


def codes(attributes: str) -> list[str]:
    return [found.code for found in compiled(attributes).diagnostics]


@pytest.mark.parametrize("written", [UUID, f'"{UUID}"', UUID.lower()])
def test_uuid_is_read_in_all_its_forms(written: str) -> None:
    assert interface(f"uuid({written})").uuid == UUID.lower()


def test_wrong_uuid_is_an_error() -> None:
    assert codes('uuid("12345678")') == ["E0702"]


@pytest.mark.parametrize(("written", "version"), [("1", (1, 0)), ("1.10", (1, 10)), ("65535.65535", (65535, 65535))])
def test_version_is_two_integers(written: str, version: tuple[int, int]) -> None:
    assert interface(f"uuid({UUID}), version({written})").version == version


@pytest.mark.parametrize("written", ["65536", "1.65536", "x"])
def test_wrong_version_is_an_error(written: str) -> None:
    assert codes(f"uuid({UUID}), version({written})") == ["E0703"]


@pytest.mark.parametrize("kind", ["ref", "unique", "ptr"])
def test_pointer_default_is_kept(kind: str) -> None:
    assert interface(f"uuid({UUID}), pointer_default({kind})").pointer_default == kind


def test_wrong_pointer_default_is_an_error() -> None:
    assert codes(f"uuid({UUID}), pointer_default(strong)") == ["E0406"]


def test_endpoints_are_kept() -> None:
    text = f'uuid({UUID}), endpoint("ncalrpc:[a]", "ncacn_np:[\\\\pipe\\\\a]")'
    assert interface(text).endpoints == ("ncalrpc:[a]", "ncacn_np:[\\pipe\\a]")


@pytest.mark.parametrize(
    ("written", "binding"),
    [
        ("auto_handle", model.Binding(kind="auto")),
        ("explicit_handle", model.Binding(kind="explicit")),
        ("implicit_handle(handle_t server)", model.Binding(kind="implicit", type="handle_t", name="server")),
    ],
)
def test_binding_is_kept(written: str, binding: model.Binding) -> None:
    assert interface(f"uuid({UUID}), {written}").binding == binding


def test_implicit_handle_needs_a_type_and_a_name() -> None:
    assert codes(f"uuid({UUID}), implicit_handle(server)") == ["E0406"]


def test_interface_without_binding_says_nothing_of_it() -> None:
    assert interface(f"uuid({UUID})").binding is None
