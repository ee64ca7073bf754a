"""Messages on their way out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lrpc.runtime.pipes.outbox import BATCH, Outbox

MESSAGES = st.lists(st.binary(min_size=1, max_size=20), max_size=8)


@given(MESSAGES, st.lists(st.integers(1, 30), min_size=1))
def test_stream_takes_parts_in_their_order(messages: list[bytes], steps: list[int]) -> None:
    outbox, gone, turn = Outbox(message_mode=False), b"", 0
    outbox.put(messages)
    while outbox:
        part = outbox.next()[: steps[turn % len(steps)]]
        gone += part
        outbox.sent(len(part))
        turn += 1
    assert gone == b"".join(messages)


@given(MESSAGES)
def test_message_pipe_takes_one_at_a_time(messages: list[bytes]) -> None:
    outbox = Outbox(message_mode=True)
    outbox.put(messages)
    for message in messages:
        assert outbox.next() == message
        outbox.sent(len(message))
    assert not outbox


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=8), st.data())
def test_cut_leaves_the_rest_of_a_message_that_is_half_gone(messages: list[bytes], data: st.DataObject) -> None:
    outbox, whole = Outbox(message_mode=False), b"".join(messages)
    outbox.put(messages)
    gone = data.draw(st.integers(0, len(whole)))
    outbox.next()
    outbox.sent(gone)
    ends = [len(b"".join(messages[:count])) for count in range(len(messages) + 1)]
    assert b"".join(outbox.cut()) == whole[gone : min(end for end in ends if end >= gone)]
    assert not outbox


@given(MESSAGES, st.booleans(), st.data())
def test_cut_leaves_all_that_a_security_context_has_counted(
    messages: list[bytes], message_mode: bool, data: st.DataObject
) -> None:
    outbox, gone = Outbox(message_mode=message_mode, numbered=True), b""
    outbox.put(messages)
    if messages:
        first = outbox.next()
        gone = bytes(first[: data.draw(st.sampled_from([0, len(first)]))])
        outbox.sent(len(gone))
    assert gone + b"".join(outbox.cut()) == b"".join(messages)
    assert not outbox


def test_many_messages_go_together_up_to_a_batch() -> None:
    outbox = Outbox(message_mode=False)
    outbox.put([bytes(BATCH // 2)] * 4)
    assert len(outbox.next()) == BATCH
