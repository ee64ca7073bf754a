"""`python -m tests.interop.netlogon BINDING`: the part of netlogon that Samba's suite of raw PDUs calls.

It is registered with the endpoint mapper of this machine, and ignores what stands behind its parameters: the suite
sends up to 4 MiB of zeros there.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

import lrpc
from lrpc.runtime.ndr.strictness import Strictness

netlogon = lrpc.load("""
    // [MS-NRPC] 3.5.4.4.1; the operations before it are never called
    [uuid(12345678-1234-abcd-ef00-01234567cffb), version(1.0), pointer_default(unique)]
    interface netlogon
    {
        typedef struct { byte data[8]; } NETLOGON_CREDENTIAL;

        void Opnum0NotUsed();
        void Opnum1NotUsed();
        void Opnum2NotUsed();
        void Opnum3NotUsed();
        long NetrServerReqChallenge(
            [in, unique, string] wchar_t *PrimaryName,
            [in, string] wchar_t *ComputerName,
            [in] NETLOGON_CREDENTIAL *ClientChallenge,
            [out] NETLOGON_CREDENTIAL *ServerChallenge);
    }
""")
ENDING = {signal.SIGINT, signal.SIGTERM}


class Netlogon(netlogon.netlogon):  # type: ignore[misc,name-defined]
    """Gives a challenge."""

    def Opnum0NotUsed(self):
        raise lrpc.OperationOutOfRange

    Opnum1NotUsed = Opnum2NotUsed = Opnum3NotUsed = Opnum0NotUsed

    def NetrServerReqChallenge(self, PrimaryName, ComputerName, ClientChallenge):
        return netlogon.NETLOGON_CREDENTIAL(b"\1\2\3\4\5\6\7\10"), 0


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.netlogon")
    parser.add_argument("binding")
    parser.add_argument("--users", metavar="FILE")
    options = parser.parse_args(argv)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    authenticator = lrpc.Authenticator(users=options.users) if options.users else None
    with lrpc.Server(register_endpoints=True, authenticator=authenticator) as server:
        server.register(Netlogon(), strictness=Strictness(trailing=None))
        server.start()
        print(f"listening on {server.listen(options.binding)}", flush=True)
        signal.sigwait(ENDING)
    return 0


if __name__ == "__main__":
    sys.exit(main())
