"""The management interface, which every server answers by itself (C706 appendix Q): what it serves, and how busy it is.

One object for each endpoint, in the server's face. A server tells only of the interfaces that the endpoint has;
the management interface is never among them, as in Windows. Its client is `runtime.interfaces.mgmt`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

from .call import Caller, caller
from .interfaces import mgmt
from .ndr.strictness import Strictness
from .operation import Interface
from .status import ACCESS_DENIED, RPC_X_BAD_STUB_DATA, Fault

RPC_S_UNKNOWN_AUTHN_SERVICE: Final = 1747
RPC_S_NO_INTERFACES: Final = 1817
ERROR_INSUFFICIENT_BUFFER: Final = 122

PADDED: Final = Strictness(trailing=None)
"""How requests of interfaces that Windows has are read: what follows the last parameter is padding, however long."""

Authorize: TypeAlias = Callable[[Caller, int], bool]
"""Says whether a caller may have an operation of the management interface, by its `mgmt.rpc_c_mgmt_` number."""


def all_but_stop(caller: Caller, operation: int) -> bool:
    """What is allowed when nobody says otherwise: to ask everything, and not to stop the server."""
    return operation != mgmt.rpc_c_mgmt_stop_server_listen


class Managed(Protocol):
    """What the management interface asks of a server."""

    authorize: Authorize
    principals: dict[int, str]
    """The server's principal name, by authentication service."""

    @property
    def listening(self) -> bool:
        """Does it take calls?"""
        ...

    @property
    def statistics(self) -> Sequence[int]:
        """Calls in, calls out, packets in, packets out."""
        ...

    def interfaces(self, endpoint: str) -> list[Interface]:
        """What is registered there."""
        ...

    def stop_soon(self) -> None:
        """Stop, once this call is answered."""
        ...


class _Answers:
    """What both faces answer, for one endpoint of a server."""

    def __init__(self, server: Managed, endpoint: str) -> None:
        self._server = server
        self._endpoint = endpoint

    def _if_ids(self) -> mgmt.rpc__mgmt_inq_if_idsResult:
        if not self._allowed(mgmt.rpc_c_mgmt_inq_if_ids):
            return mgmt.rpc__mgmt_inq_if_idsResult(None, ACCESS_DENIED)
        found = [mgmt.rpc_if_id_t(one.uuid, *one.version) for one in self._server.interfaces(self._endpoint)]
        if not found:
            return mgmt.rpc__mgmt_inq_if_idsResult(None, RPC_S_NO_INTERFACES)
        return mgmt.rpc__mgmt_inq_if_idsResult(mgmt.rpc_if_id_vector_t(count=len(found), if_id=[*found]), 0)

    def _stats(self, count: int) -> mgmt.rpc__mgmt_inq_statsResult:
        """As many of the four as the caller has room for."""
        if not self._allowed(mgmt.rpc_c_mgmt_inq_stats):
            return mgmt.rpc__mgmt_inq_statsResult(0, [], ACCESS_DENIED)
        found = [number & 0xFFFFFFFF for number in self._server.statistics][:count]
        return mgmt.rpc__mgmt_inq_statsResult(len(found), found, 0)

    def _is_listening(self) -> mgmt.rpc__mgmt_is_server_listeningResult:
        if not self._allowed(mgmt.rpc_c_mgmt_is_server_listen):
            return mgmt.rpc__mgmt_is_server_listeningResult(ACCESS_DENIED, 0)
        return mgmt.rpc__mgmt_is_server_listeningResult(0, int(self._server.listening))

    def _stop(self) -> int:
        if not self._allowed(mgmt.rpc_c_mgmt_stop_server_listen):
            return ACCESS_DENIED
        self._server.stop_soon()
        return 0

    def _princ_name(self, authn_proto: int, princ_name_size: int) -> mgmt.rpc__mgmt_inq_princ_nameResult:
        """The name, if the caller's buffer takes it with its NUL; a buffer of no characters has no room for any."""
        if princ_name_size < 1:
            raise Fault(RPC_X_BAD_STUB_DATA)
        name = self._server.principals.get(authn_proto)
        if not self._allowed(mgmt.rpc_c_mgmt_inq_princ_name):
            status = ACCESS_DENIED
        elif name is None:
            status = RPC_S_UNKNOWN_AUTHN_SERVICE
        elif len(name) >= princ_name_size:
            status = ERROR_INSUFFICIENT_BUFFER
        else:
            return mgmt.rpc__mgmt_inq_princ_nameResult(name, 0)
        return mgmt.rpc__mgmt_inq_princ_nameResult("", status)

    def _allowed(self, operation: int) -> bool:
        return self._server.authorize(caller(), operation)


class Management(_Answers, mgmt.mgmt):
    """For a blocking server."""

    def rpc__mgmt_inq_if_ids(self) -> mgmt.rpc__mgmt_inq_if_idsResult:
        return self._if_ids()

    def rpc__mgmt_inq_stats(self, count: int) -> mgmt.rpc__mgmt_inq_statsResult:
        return self._stats(count)

    def rpc__mgmt_is_server_listening(self) -> mgmt.rpc__mgmt_is_server_listeningResult:
        return self._is_listening()

    def rpc__mgmt_stop_server_listening(self) -> int:
        return self._stop()

    def rpc__mgmt_inq_princ_name(self, authn_proto: int, princ_name_size: int) -> mgmt.rpc__mgmt_inq_princ_nameResult:
        return self._princ_name(authn_proto, princ_name_size)


class AsyncManagement(_Answers, mgmt.Asyncmgmt):
    """For an asyncio server."""

    async def rpc__mgmt_inq_if_ids(self) -> mgmt.rpc__mgmt_inq_if_idsResult:
        return self._if_ids()

    async def rpc__mgmt_inq_stats(self, count: int) -> mgmt.rpc__mgmt_inq_statsResult:
        return self._stats(count)

    async def rpc__mgmt_is_server_listening(self) -> mgmt.rpc__mgmt_is_server_listeningResult:
        return self._is_listening()

    async def rpc__mgmt_stop_server_listening(self) -> int:
        return self._stop()

    async def rpc__mgmt_inq_princ_name(
        self, authn_proto: int, princ_name_size: int
    ) -> mgmt.rpc__mgmt_inq_princ_nameResult:
        return self._princ_name(authn_proto, princ_name_size)
