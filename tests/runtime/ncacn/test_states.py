"""The tables of states."""

from __future__ import annotations

import pytest

from lrpc.runtime.ncacn import PacketType, PduError, StateError
from lrpc.runtime.ncacn.states import CLIENT_TRANSITIONS, SERVER_TRANSITIONS, State, StateMachine

TABLES = pytest.mark.parametrize("table", [SERVER_TRANSITIONS, CLIENT_TRANSITIONS], ids=["server", "client"])
FROM_CLIENT = {
    PacketType.BIND,
    PacketType.ALTER_CONTEXT,
    PacketType.AUTH3,
    PacketType.REQUEST,
    PacketType.CO_CANCEL,
    PacketType.ORPHANED,
}


@TABLES
def test_every_state_has_a_row_and_closed_has_no_way_out(table):
    assert set(table) == set(State)
    assert table[State.CLOSED] == {}


@TABLES
def test_every_state_can_be_reached(table):
    reached = {State.IDLE, State.CLOSED}
    for _ in State:
        reached |= {following for state in reached for following in table[state].values()}
    assert reached == set(State)


def test_server_receives_nothing_while_an_answer_is_due():
    for state in (State.BINDING, State.ALTERING):
        assert not FROM_CLIENT & set(SERVER_TRANSITIONS[state])


def test_what_one_role_sends_in_a_state_the_other_receives_in_one_of_its_own():
    for table, other in ((SERVER_TRANSITIONS, CLIENT_TRANSITIONS), (CLIENT_TRANSITIONS, SERVER_TRANSITIONS)):
        known = {ptype for row in other.values() for ptype in row}
        assert {ptype for row in table.values() for ptype in row} - known <= {PacketType.SHUTDOWN}


def test_pdu_without_a_row_is_the_peers_fault_when_received_and_ours_when_sent():
    machine = StateMachine(SERVER_TRANSITIONS)
    with pytest.raises(PduError, match="request may not come while idle"):
        machine.received(PacketType.REQUEST)
    with pytest.raises(StateError, match="response may not be sent while idle"):
        machine.sent(PacketType.RESPONSE)
    assert machine.state is State.IDLE


def test_failure_is_the_end():
    machine = StateMachine(CLIENT_TRANSITIONS)
    machine.fail()
    assert machine.state is State.CLOSED
