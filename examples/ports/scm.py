r"""A service control manager (SCM): starts, stops and watches services, and tells who wants to know. Each is a process.

`\RPC Control\ntsvcs`. A service connects back when it runs, and that connection is how it is told to stop (a datagram
from the server's end) and how its death is noticed (LPC_PORT_CLOSED). Who waits for a state posts a request, which is
answered when the state comes: NotifyServiceStatusChange without a thread that waits.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import Any, Final

from examples.ports.system_process import Refused, SystemProcess, Words, said, start
from lrpc.transports import alpc

NTSVCS: Final = "ntsvcs"
SERVICES: Final = ("clock",)
"""What is installed: each is a program here that runs under the name."""
ERROR_SERVICE_DOES_NOT_EXIST: Final = 1060
ERROR_SERVICE_ALREADY_RUNNING: Final = 1056
ERROR_SERVICE_NOT_ACTIVE: Final = 1062

STOPPED, START_PENDING, RUNNING, STOP_PENDING = "stopped", "start pending", "running", "stop pending"


@dataclass
class Service:
    """A service, and who waits for what it becomes."""

    name: str
    state: str = STOPPED
    process: subprocess.Popen[bytes] | None = None
    control: alpc.MessagePort | None = None
    """The server's end of the service's connection."""
    died: bool = False
    """It stopped without having been told to."""
    waiting: list[tuple[str, alpc.Message]] = field(default_factory=list[tuple[str, alpc.Message]])

    def status(self) -> Words:
        """What is told of it."""
        pid = 0 if self.process is None else self.process.pid
        return {"service": self.name, "state": self.state, "pid": pid, "died": self.died}


class ServiceManager(SystemProcess):
    """Keeps the table of services."""

    def __init__(self) -> None:
        super().__init__(NTSVCS)
        self.services = {name: Service(name) for name in SERVICES}

    def connecting(self, message: alpc.Message, words: Words) -> None:
        service = self.services.get(words.get("service", ""))
        if service is None:
            super().connecting(message, words)
        elif service.process is None or service.process.pid != message.client_id[0]:
            message.refuse(said(reason="you are not the service"))
        else:
            service.control = message.accept(context=service)
            self._become(service, RUNNING)

    def left(self, client: Any) -> None:
        if not isinstance(client, Service) or client.process is None:
            return
        client.process.wait()
        client.died = client.state != STOP_PENDING
        client.control = None
        self._become(client, STOPPED)
        client.process = None

    def ask_query(self, _message: alpc.Message, service: str) -> Words:
        """Its state."""
        return self._find(service).status()

    def ask_start(self, message: alpc.Message, service: str) -> None:
        """Answered when it runs."""
        found = self._find(service)
        if found.state != STOPPED:
            raise Refused(ERROR_SERVICE_ALREADY_RUNNING, f"{service} is {found.state}")
        found.died = False
        found.process = start("service", service)
        found.waiting.append((RUNNING, message))
        self._become(found, START_PENDING)

    def ask_stop(self, message: alpc.Message, service: str) -> None:
        """Answered when it has stopped."""
        found = self._find(service)
        if found.control is None:
            raise Refused(ERROR_SERVICE_NOT_ACTIVE, f"{service} is {found.state}")
        found.waiting.append((STOPPED, message))
        self._become(found, STOP_PENDING)
        found.control.datagram(said(control="stop"))

    def ask_notify(self, message: alpc.Message, service: str, state: str) -> None:
        """Answered when it has become that."""
        self._find(service).waiting.append((state, message))

    def end(self) -> None:
        """Ends the services."""
        for service in self.services.values():
            if service.process is not None:
                service.process.kill()
                service.process.wait()

    def _find(self, name: str) -> Service:
        if name not in self.services:
            raise Refused(ERROR_SERVICE_DOES_NOT_EXIST, f"{name} is not installed")
        return self.services[name]

    def _become(self, service: Service, state: str) -> None:
        service.state = state
        told = [message for wanted, message in service.waiting if wanted == state]
        service.waiting = [one for one in service.waiting if one[0] != state]
        for message in told:
            self.reply(message, service.status())


def main() -> None:
    """Serves until SIGTERM, and takes the services with it."""
    manager = ServiceManager()
    try:
        manager.run("scm")
    finally:
        manager.end()


if __name__ == "__main__":
    main()
