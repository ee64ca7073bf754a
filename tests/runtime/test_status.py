"""The tree of errors: each says whether the call ran, and what it is called."""

from __future__ import annotations

import pytest

import lrpc
from lrpc.runtime import status
from lrpc.runtime.status import Ran, fault, fault_name, is_failure, status_name

NEVER = (
    lrpc.InvalidBinding, lrpc.ArgumentError, lrpc.ListenError, lrpc.ServerUnavailable, lrpc.BindRefused,
)  # fmt: skip
PERHAPS = (lrpc.ConnectionLost, lrpc.DeadlineExceeded, lrpc.ProtocolError)


@pytest.mark.parametrize("kind", NEVER)
def test_what_fails_before_sending_did_not_run(kind: type[lrpc.RpcError]) -> None:
    assert kind("why").ran is Ran.NO


@pytest.mark.parametrize("kind", PERHAPS)
def test_what_fails_after_sending_may_have_run(kind: type[lrpc.RpcError]) -> None:
    assert kind("why").ran is Ran.UNKNOWN
    assert kind("why", ran=Ran.NO).ran is Ran.NO
    assert kind("another").ran is Ran.UNKNOWN


def test_what_fails_after_the_answer_did_run() -> None:
    assert lrpc.BadStubData("why").ran is Ran.YES
    assert lrpc.StatusError(2).ran is Ran.YES


def test_all_errors_are_one_family() -> None:
    errors = [found for found in vars(lrpc).values() if isinstance(found, type) and issubclass(found, Exception)]
    assert len(errors) > 15
    assert all(issubclass(found, lrpc.RpcError) for found in errors)
    assert all(isinstance(found.ran, Ran) for found in errors)
    assert issubclass(lrpc.DeadlineExceeded, TimeoutError)
    assert issubclass(lrpc.InvalidBinding, ValueError)


@pytest.mark.parametrize(
    ("code", "family", "name", "text"),
    [
        (2, "win32", "ERROR_FILE_NOT_FOUND", "ERROR_FILE_NOT_FOUND (2)"),
        (0xC0000022, "ntstatus", "STATUS_ACCESS_DENIED", "STATUS_ACCESS_DENIED (0xc0000022)"),
        (0x80070005, "hresult", "E_ACCESSDENIED", "E_ACCESSDENIED (0x80070005)"),
        (0x12345678, "win32", "status 0x12345678", "status 0x12345678 (0x12345678)"),
        (-2147467259, "hresult", "E_FAIL", "E_FAIL (0x80004005)"),
    ],
)
def test_a_status_reads_as_the_field_writes_it(code: int, family: str, name: str, text: str) -> None:
    error = lrpc.StatusError(code, "result", family=family)
    assert (error.name, str(error), error.result) == (name, text, "result")
    assert error.code == code & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("value", "kind", "ran"),
    [
        (5, lrpc.AccessDenied, Ran.UNKNOWN),
        (1717, lrpc.UnknownInterface, Ran.NO),
        (0x1C010003, lrpc.UnknownInterface, Ran.NO),
        (1745, lrpc.OperationOutOfRange, Ran.NO),
        (0x1C010002, lrpc.OperationOutOfRange, Ran.NO),
        (1783, lrpc.RefusedStubData, Ran.UNKNOWN),
        (0x1C00001A, lrpc.ContextMismatch, Ran.UNKNOWN),
        (0x1C000024, lrpc.ObjectNotFound, Ran.UNKNOWN),
        (1723, lrpc.ServerTooBusy, Ran.NO),
        (0x1C010014, lrpc.ServerTooBusy, Ran.NO),
        (0x1C00000D, lrpc.CallCancelled, Ran.UNKNOWN),
        (0x1C01000B, lrpc.Fault, Ran.UNKNOWN),
        (0xDEADBEEF, lrpc.Fault, Ran.UNKNOWN),
    ],
)
def test_a_fault_has_the_class_of_its_status(value: int, kind: type[lrpc.Fault], ran: Ran) -> None:
    found = fault(value)
    assert type(found) is kind
    assert (found.status, found.ran) == (value, ran)
    assert fault(value, did_not_execute=True).ran is Ran.NO


def test_results_that_a_server_could_not_write_may_have_been_worked_for() -> None:
    assert not {status.RPC_X_BAD_STUB_DATA, status.NCA_PROTO_ERROR} & status.NEVER_RAN


def test_names_come_from_all_tables() -> None:
    assert fault_name(0x1C010003) == "nca_s_unknown_if"
    assert fault_name(2) == "ERROR_FILE_NOT_FOUND"
    assert fault_name(0x99999999) == "status 0x99999999"
    assert status_name(1783) == "RPC_X_BAD_STUB_DATA"
    assert str(lrpc.Fault(5, "in other words")) == "in other words"


@pytest.mark.parametrize(
    ("value", "family", "failed"),
    [
        (0, "win32", False), (1, "win32", True),
        (0, "ntstatus", False), (0x103, "ntstatus", False), (0x80000005, "ntstatus", True),
        (0xC0000001, "ntstatus", True),
        (1, "hresult", False), (0x80004005, "hresult", True),
    ],
)  # fmt: skip
def test_each_family_knows_its_failures(value: int, family: str, failed: bool) -> None:
    assert is_failure(value, family) is failed


@pytest.mark.parametrize("code", [0, 1 << 32])
def test_no_error_has_the_status_of_success(code: int) -> None:
    with pytest.raises(ValueError, match="status 0 is success"):
        lrpc.StatusError(code)
