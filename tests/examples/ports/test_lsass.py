from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from examples.ports.lsass import LSA_AUTHENTICATION_PORT, STATUS_LOGON_FAILURE, LogonAuthority
from examples.ports.srm import SE_RM_COMMAND_PORT, ReferenceMonitor
from examples.ports.system_process import Refused, SystemProcess, ask, connect
from lrpc.transports import alpc


@pytest.fixture
def authority(serving: Callable[[SystemProcess], SystemProcess]) -> Iterator[alpc.MessagePort]:
    serving(ReferenceMonitor())
    served = LogonAuthority()
    serving(served)
    with closing(connect(LSA_AUTHENTICATION_PORT)) as port:
        yield port


def test_the_right_password_gets_a_token_that_the_reference_monitor_knows(authority: alpc.MessagePort) -> None:
    token = ask(authority, "logon", user="MARY", password="Mary's password")["token"]
    assert token["user"] == "S-1-22-1-1000"
    with closing(connect(SE_RM_COMMAND_PORT)) as monitor:
        granted = ask(monitor, "access", id=token["id"], object="x", security="D:(A;;FR;;;S-1-22-2-100)", access=1)
    assert granted == {"granted": True}


@pytest.mark.parametrize(("user", "password"), [("mary", ""), ("mary", "guess"), ("nobody", "nobody has this one")])
def test_any_other_is_refused_alike_and_noted(authority: alpc.MessagePort, user: str, password: str) -> None:
    with pytest.raises(Refused) as refused:
        ask(authority, "logon", user=user, password=password)
    assert refused.value.status == STATUS_LOGON_FAILURE
    assert ask(authority, "log")["lines"] == [f"logon of {user} failed"]


def test_tokens_have_ids_of_their_own(authority: alpc.MessagePort) -> None:
    ids = {ask(authority, "logon", user="guest", password="")["token"]["id"] for _ in range(3)}
    assert len(ids) == 3
