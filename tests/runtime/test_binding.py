"""String bindings: read, written, and refused with a reason."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrpc
from lrpc import StringBinding
from lrpc.runtime.binding import PROTOCOL_SEQUENCES, pipe_name, require_local

OBJECT = UUID("00112233-4455-6677-8899-aabbccddeeff")


def test_the_words_of_security_have_no_value() -> None:
    found = StringBinding.parse("ncacn_ip_tcp:host[4242,seal,ntlm,target_principal=cifs/host]")
    assert found.options == {"seal": "", "ntlm": "", "target_principal": "cifs/host"}
    assert str(found) == "ncacn_ip_tcp:host[4242,seal,ntlm,target_principal=cifs/host]"
    unbound = StringBinding.parse("ncacn_ip_tcp:host[,sign]")
    assert (unbound.endpoint, unbound.options) == ("", {"sign": ""})
    assert StringBinding.parse(str(unbound)) == unbound


@pytest.mark.parametrize(
    ("text", "binding"),
    [
        ("ncalrpc:[calc]", StringBinding("ncalrpc", "", "calc")),
        ("NCALRPC:[calc]", StringBinding("ncalrpc", "", "calc")),
        (r"ncacn_np:[\pipe\calc]", StringBinding("ncacn_np", "", r"\pipe\calc")),
        (r"ncacn_np:\\server[\pipe\calc]", StringBinding("ncacn_np", r"\\server", r"\pipe\calc")),
        ("ncacn_ip_tcp:host[135]", StringBinding("ncacn_ip_tcp", "host", "135")),
        ("ncacn_ip_tcp:host", StringBinding("ncacn_ip_tcp", "host")),
        ("ncacn_ip_tcp:host[]", StringBinding("ncacn_ip_tcp", "host")),
        (r"ncacn_ip_tcp:\:\:1[135]", StringBinding("ncacn_ip_tcp", "::1", "135")),
        ("memory:[x]", StringBinding("memory", "", "x")),
        (f"{OBJECT}@ncalrpc:[calc]", StringBinding("ncalrpc", "", "calc", OBJECT)),
        ("ncalrpc:[calc,Security=none]", StringBinding("ncalrpc", "", "calc", None, {"Security": "none"})),
        ("ncalrpc:[endpoint=calc]", StringBinding("ncalrpc", "", "calc")),
        ("ncalrpc:[,a=b]", StringBinding("ncalrpc", "", "", None, {"a": "b"})),
        (r"ncalrpc:[a\]b\,c]", StringBinding("ncalrpc", "", "a]b,c")),
    ],
)  # fmt: skip
def test_bindings_are_read(text: str, binding: StringBinding) -> None:
    assert StringBinding.parse(text) == binding
    assert StringBinding.parse(str(binding)) == binding


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no protocol sequence"),
        ("calc", "no protocol sequence"),
        ("ncadg_ip_udp:[1]", "is not one of"),
        ("ncalrpc:[calc", "closes at the end"),
        ("ncalrpc:[calc]x", "closes at the end"),
        ("ncalrpc:[calc,other]", "neither the endpoint"),
        ("not-a-uuid@ncalrpc:[calc]", "is no UUID"),
        ("ncacn_ip_tcp:[65536]", "is no TCP port"),
        ("ncacn_ip_tcp:[-1]", "is no TCP port"),
        ("ncacn_ip_tcp:[http]", "is no TCP port"),
        ("ncacn_ip_tcp:[²]", "is no TCP port"),
        (f"ncacn_ip_tcp:[{'9' * 5000}]", "is no TCP port"),
        ("ncalrpc:[a\0b]", "no NUL"),
        ("ncacn_ip_tcp:127.0.0.1:4242", r"write the port in brackets: ncacn_ip_tcp:127\.0\.0\.1\[4242\]$"),
        ("ncacn_ip_tcp:host:4242[,sign]", r"write the port in brackets: ncacn_ip_tcp:host\[4242\]$"),
    ],
)
def test_what_is_no_binding_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(lrpc.InvalidBinding, match=reason):
        StringBinding.parse(text)


@pytest.mark.parametrize("text", ["ncacn_ip_tcp:::1", "ncacn_ip_tcp:fe80::1[4242]", "ncacn_ip_tcp:1:2:3:4:5:6:7:8"])
def test_an_address_of_ipv6_has_no_port(text: str) -> None:
    address, _, endpoint = text.removeprefix("ncacn_ip_tcp:").rstrip("]").partition("[")
    assert StringBinding.parse(text) == StringBinding("ncacn_ip_tcp", address, endpoint)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("ncalrpc:calc", "ncalrpc:[calc]"),
        ("ncacn_np:calc", r"ncacn_np:[\pipe\calc]"),
        (r"ncalrpc:\\calc", "ncalrpc:[calc]"),
    ],
)
def test_a_name_without_brackets_is_told_where_they_stand(text: str, instead: str) -> None:
    with pytest.raises(lrpc.InvalidBinding) as caught:
        require_local(StringBinding.parse(text))
    assert str(caught.value).endswith(f"; an endpoint stands in brackets: {instead}")


@pytest.mark.parametrize("text", ["ncalrpc:", "ncalrpc:.[calc]", r"ncacn_np:\\.[\pipe\calc]"])
def test_this_machine_is_reached(text: str) -> None:
    require_local(StringBinding.parse(text))


@pytest.mark.parametrize("endpoint", [r"\pipe\calc", r"\PIPE\calc", "/pipe/calc", r"\\pipe\\calc"])
def test_a_pipe_is_known_by_its_endpoint(endpoint: str) -> None:
    assert pipe_name(endpoint) == "calc"


@pytest.mark.parametrize("endpoint", ["calc", r"\pipe", r"\pipe\a\b", r"\pip\calc", ""])
def test_what_is_no_pipe_is_refused(endpoint: str) -> None:
    with pytest.raises(lrpc.InvalidBinding, match="is no pipe"):
        pipe_name(endpoint)


NAMES = st.text(st.characters(exclude_characters="\\\0", exclude_categories=["Cs"]), max_size=12)


@given(st.sampled_from(["ncalrpc", "ncacn_np", "memory"]), NAMES, NAMES, st.none() | st.uuids())
def test_every_binding_comes_back(protocol: str, address: str, endpoint: str, uuid: UUID | None) -> None:
    binding = StringBinding(protocol, address, endpoint, uuid)
    assert StringBinding.parse(str(binding)) == binding


@given(
    st.text(max_size=30) | st.sampled_from(PROTOCOL_SEQUENCES).map(lambda name: f"{name}:[") | st.text("[]@:,=\\\0a1")
)
def test_any_text_is_a_binding_or_refused(text: str) -> None:
    try:
        StringBinding.parse(text)
    except lrpc.InvalidBinding as error:
        assert error.ran is lrpc.Ran.NO
