from __future__ import annotations

import errno
import socket

import pytest

from lrpc.transports import errors
from lrpc.transports.errors import TransportError, from_os_error

FAMILY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TransportError)]


def test_no_two_errors_share_a_status_or_a_name() -> None:
    named = [kind for kind in FAMILY if kind is not errors.ConnectFailed]
    assert len({kind.status for kind in named}) == len(named)
    assert len({kind.name for kind in named}) == len(named)


@pytest.mark.parametrize(
    ("number", "kind", "status"),
    [
        (errno.EAGAIN, errors.TimedOut, 0x102),
        (errno.EPIPE, errors.Disconnected, 0xC0000037),
        (errno.ENOENT, errors.NameNotFound, 0xC0000034),
        (errno.ECONNREFUSED, errors.ConnectionRefused, 0xC0000041),
        (errno.EADDRINUSE, errors.NameCollision, 0xC0000035),
        (errno.EACCES, errors.AccessDenied, 0xC0000022),
        (errno.EMSGSIZE, errors.MessageTooLong, 0xC000002F),
        (errno.EMFILE, errors.ResourcesExhausted, 0xC000009A),
        (errno.EPROTOTYPE, errors.TypeMismatch, 0xC0000024),
    ],
)
def test_an_error_of_the_system_becomes_its_nt_status(number: int, kind: type[TransportError], status: int) -> None:
    error = from_os_error(OSError(number, "as the system puts it"), "doing this")
    assert type(error) is kind
    assert error.status == status
    assert str(error) == f"doing this: as the system puts it ({kind.name})"


def test_an_error_nobody_foresaw_is_still_one_of_the_family() -> None:
    error = from_os_error(OSError(errno.EXDEV, "odd"), "doing this")
    assert type(error) is TransportError
    assert str(error) == "doing this: odd (UNSUCCESSFUL)"


def test_a_host_without_an_address_is_a_name_not_found() -> None:
    assert type(from_os_error(socket.gaierror(-2, "unknown"), "x")) is errors.NameNotFound


def test_an_error_without_a_reason_prints_its_name() -> None:
    assert str(errors.TimedOut()) == "TIMEOUT"


def test_statuses_are_named_as_the_errors_are() -> None:
    assert {kind.status: kind.name for kind in FAMILY}.items() <= errors.STATUS_NAMES.items()
    assert len(set(errors.STATUS_NAMES.values())) == len(errors.STATUS_NAMES)
