r"""A service, as the service control manager starts it: has a port of its own, and listens to its manager.

`\RPC Control\<name>`. What comes from the manager is received from the port that the service connected with: a client
has a queue too.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from examples.ports.scm import NTSVCS
from examples.ports.system_process import SystemProcess, Words, connect, heard
from lrpc.transports import alpc


class Clock(SystemProcess):
    """Knows the time."""

    def ask_time(self, _message: alpc.Message) -> Words:
        """Seconds since 1970."""
        return {"time": time.time(), "pid": os.getpid()}


def obey(control: alpc.MessagePort, clock: Clock) -> None:
    """Waits for the word of the manager, or its end."""
    while True:
        message = control.receive()
        if message.type == alpc.LPC_PORT_CLOSED or heard(message.data).get("control") == "stop":
            break
        message.release()
    clock.port.close()  # which ends `serve`


def main() -> None:
    """Serves until told to stop."""
    name = sys.argv[1]
    clock = Clock(name)
    control = connect(NTSVCS, service=name)  # only now: who is told that we run may call
    threading.Thread(target=obey, args=(control, clock)).start()
    clock.serve()


if __name__ == "__main__":
    main()
