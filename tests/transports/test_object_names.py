from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.transports.errors import NameInvalid
from lrpc.transports.object_names import components_of, directory_components, escaped, file_key, plain, written


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("calc", ("RPC Control", "calc")),
        ("\\RPC Control\\calc", ("RPC Control", "calc")),
        ("\\SmApiPort", ("SmApiPort",)),
        ("a/b", ("RPC Control", "a/b")),
        ("sub\\calc", ("RPC Control", "sub", "calc")),
    ],
)
def test_a_name_without_a_leading_backslash_is_in_the_directory(name: str, parts: tuple[str, ...]) -> None:
    assert components_of(name, "\\RPC Control") == parts


@pytest.mark.parametrize(
    "name", ["", "\\", "\\\\x", "a\\", "..", ".", "a\\..\\b", "\\..\\..\\etc", "nul\0", "x" * 256, "a\\\\b"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(NameInvalid):
        components_of(name, "\\RPC Control")


def test_only_a_directory_may_be_the_root() -> None:
    assert directory_components("\\", "\\x") == ()
    assert written() == "\\"
    assert written(*directory_components("a", "\\x")) == "\\x\\a"


def test_keys_know_no_case_and_no_dangerous_characters() -> None:
    assert file_key("Calc") == file_key("CALC") == "calc"
    assert file_key("a/b.c") == "a%2fb%2ec"
    assert file_key("Ünïcode") == file_key("ÜNÏCODE")


@given(st.text(min_size=1, max_size=255))
def test_every_component_makes_a_file_name_within_its_directory(component: str) -> None:
    key = file_key(component)
    assert key == file_key(component)
    assert len(key) + len(".socket") <= 255
    assert "/" not in key
    assert "." not in key
    assert "\0" not in key


@given(st.text(min_size=1, max_size=255), st.text(min_size=1, max_size=255))
def test_different_names_have_different_keys(one: str, other: str) -> None:
    assert (file_key(one) == file_key(other)) == (one.casefold() == other.casefold())


@given(st.text(alphabet=st.characters(exclude_characters="\0"), max_size=255))
def test_escaped_text_comes_back_and_leads_nowhere(text: str) -> None:
    assert "/" not in escaped(text)
    assert "." not in escaped(text)
    assert "=" not in escaped(text)
    assert plain(escaped(text)) == text


def test_a_short_key_says_its_name_without_case() -> None:
    assert plain(file_key("RPC Control")) == "rpc control"
