from __future__ import annotations

from lrpc.runtime.ndr.errors import RPC_S_INVALID_TAG, RPC_X_BAD_STUB_DATA, NdrError


def test_error_says_path_reason_offset_and_rule():
    error = NdrError("no arm for tag 3", path="record[3].u", offset=16, rule="C706 14.3.8", status=RPC_S_INVALID_TAG)
    assert str(error) == "record[3].u: no arm for tag 3 at offset 0x10 (C706 14.3.8)"
    assert (error.path, error.offset, error.rule, error.status) == ("record[3].u", 16, "C706 14.3.8", 0x6C5)


def test_error_without_place_says_the_reason_and_bad_stub_data():
    error = NdrError("too short")
    assert str(error) == "too short"
    assert error.status == RPC_X_BAD_STUB_DATA == 0x6F7
    assert isinstance(error, ValueError)


def test_within_puts_the_holder_in_front():
    assert NdrError("x").within("n").path == "n"
    assert NdrError("x", path="n").within("record").path == "record.n"
    assert NdrError("x", path="[2]").within("list").path == "list[2]"
    assert NdrError("x", path="n").within("").path == "n"
