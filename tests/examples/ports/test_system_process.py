from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from examples.ports.system_process import Refused, SystemProcess, Words, answer, ask, connect, heard, said
from lrpc.transports import alpc


class Echo(SystemProcess):
    def ask_echo(self, _message: alpc.Message, text: str) -> Words:
        if text == "no":
            raise Refused(0xC0000022, "no")
        return {"text": text}


def test_a_request_is_answered_by_the_method_of_its_name(serving: Callable[[Echo], Echo]) -> None:
    serving(Echo("\\Echo"))
    with closing(connect("\\Echo")) as port:
        assert ask(port, "echo", text="x") == {"text": "x"}
        with pytest.raises(Refused) as refused:
            ask(port, "echo", text="no")
        assert refused.value.status == 0xC0000022


@pytest.mark.parametrize("data", [b"", b"\xff", b"[1]", b"{}", b'{"ask": 1}', said(ask="echo"), said(ask="echo", x=1)])
def test_nonsense_is_refused_and_the_server_goes_on(serving: Callable[[Echo], Echo], data: bytes) -> None:
    serving(Echo("\\Echo"))
    with closing(connect("\\Echo")) as port:
        with pytest.raises(Refused):
            answer(port.request(data, timeout=20).data)
        port.datagram(data)
        assert ask(port, "echo", text="x") == {"text": "x"}


def test_words_are_objects_or_none() -> None:
    assert heard(said(a=1)) == {"a": 1}
    assert heard(b"1") == heard(b"\x80") == {}
