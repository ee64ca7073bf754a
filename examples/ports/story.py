"""`python -m examples.ports.story [--stay]`: a small Windows, from boot to log-off, in a namespace of its own.

Every program here is a process; what they say to each other goes through ports. With --stay the system stays up, to be
looked at, until Enter is pressed.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager

from examples.ports.exception_port import EXCEPTION_PORT, STATUS_DISK_FULL, raise_hard_error
from examples.ports.lsass import LSA_AUTHENTICATION_PORT
from examples.ports.reflector import Reflector
from examples.ports.scm import NTSVCS
from examples.ports.srm import SE_RM_COMMAND_PORT
from examples.ports.system_process import PATIENCE, SM_API_PORT, Refused, answer, ask, connect, said, start
from examples.ports.winlogon import log_off, log_on
from lrpc.transports import alpc
from lrpc.transports.namespace import current


@contextmanager
def system() -> Generator[None]:
    """The session manager, which starts the rest, in a namespace of its own."""
    with tempfile.TemporaryDirectory(prefix="story-") as folder:
        os.environ["LRPC_NAMESPACE"] = f"{folder}/names"
        manager = start("smss")
        try:
            yield
        finally:
            manager.terminate()
            manager.wait()


def boot() -> None:
    """Waits until the system is up."""
    with connect(SM_API_PORT) as manager:
        print("booted:", ", ".join(ask(manager, "booted")["processes"]))
    print("ports:", ", ".join(name for name in current("\\").list("\\")), "and", *current(alpc.DIRECTORY).list())


def services() -> None:
    """Starts a service, calls it, kills it, and is told."""
    with connect(NTSVCS) as manager:
        pid = ask(manager, "start", service="clock")["pid"]
        with connect("clock") as clock:
            print("the clock runs, and answers:", ask(clock, "time")["pid"] == pid)
        manager.post(said(ask="notify", service="clock", state="stopped"), "notice")
        os.kill(pid, signal.SIGKILL)
        notice = manager.receive(PATIENCE)
        words = answer(notice.data)
        assert notice.attributes.context is not None
        print(f"{notice.attributes.context.message_context}: the clock is {words['state']}, died: {words['died']}")
        ask(manager, "start", service="clock")
        print("started again, and told to stop: died:", ask(manager, "stop", service="clock")["died"])


def access(token: int) -> None:
    """Has the reference monitor decide."""
    with connect(SE_RM_COMMAND_PORT) as monitor:
        for security in ("D:(A;;FR;;;S-1-22-1-1000)", "D:(D;;FR;;;S-1-22-2-100)(A;;FA;;;WD)"):
            found = ask(monitor, "access", id=token, object="diary.txt", security=security, access=0x1)
            print(f"{security}: {'granted' if found['granted'] else 'denied'}")


def device() -> None:
    """Reads, writes, cancels, and crashes a driver."""
    with closing(Reflector("disk")) as disk:
        disk.submit("write", 512, data=b"sector" * 1000).result(PATIENCE)
        print("read:", disk.submit("read", 512, 12).result(PATIENCE).decode())
        waiting = [disk.submit("wait") for _ in range(3)]
        disk.cancel(waiting[0])
        waiting.append(disk.submit("crash"))
        print("outstanding:", *(f"{_status(io.exception(PATIENCE)):#010x}" for io in waiting))
        print("after the crash, read:", disk.submit("read", 512, 4).result(PATIENCE), "restarts:", disk.restarts)


def failures() -> None:
    """A hard error, and what it is answered."""
    with connect(EXCEPTION_PORT) as port:
        print("disk full:", raise_hard_error(port, STATUS_DISK_FULL, "no room for diary.txt"))


def _status(error: BaseException | None) -> int:
    return error.status if isinstance(error, Refused) else 0


def main() -> None:
    """The story."""
    with system():
        boot()
        try:
            log_on("mary", "wrong")
        except Refused as error:
            print("mary, wrong password:", error)
        desktop = log_on("Mary", "Mary's password")
        print(f"mary is {desktop.token['user']} in session {desktop.session}")
        print("attached:", *(one["program"] for one in ask(desktop.subsystem, "processes")["processes"]))
        access(desktop.token["id"])
        services()
        device()
        failures()
        log_off(desktop)
        with connect(LSA_AUTHENTICATION_PORT) as authority:
            print("log:", *ask(authority, "log")["lines"], sep="\n  ")
        if "--stay" in sys.argv[1:]:
            input(f"LRPC_NAMESPACE={os.environ['LRPC_NAMESPACE']} ")


if __name__ == "__main__":
    main()
