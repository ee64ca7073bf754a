"""A server's end of Negotiate (SPNEGO, RFC 4178, MS-SPNG): pyspnego's, with packages that are given.

What is other than there: the packages are those of the server, and a token that a client sends ahead for another
package than the one that is chosen is dropped, as RFC 4178 5 has it, where pyspnego gives it to the chosen one.
"""

# The class below takes the place of some steps inside of pyspnego's.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Mapping

from spnego import ContextProxy, ContextReq
from spnego._context import GSSMech
from spnego._negotiate import NegotiateProxy
from spnego.channel_bindings import GssChannelBindings

from ..ncacn.security import SecurityError


class NegotiateAcceptor(NegotiateProxy):
    """A context that finds out which package its client has. makers: those that are taken, the best first."""

    def __init__(self, makers: Mapping[GSSMech, Callable[[], ContextProxy]]) -> None:
        super().__init__(usage="accept", protocol="negotiate")
        self._makers = makers

    def _rebuild_context_list(
        self, mech_types: list[str] | None = None, channel_bindings: GssChannelBindings | None = None
    ) -> list[str]:
        """The context of the best package that the client offers."""
        for mech, make in self._makers.items():
            if mech_types is None or any(self._is_same_mech(mech, offered) for offered in mech_types):
                context = make()
                context._is_wrapped = True  # it is not to log the tokens that this one logs
                self._context_list = {mech: (context, None)}
                return [mech.value]
        raise SecurityError("the client offers no package that is taken")

    def _step_spnego_input(
        self, in_token: bytes | None = None, channel_bindings: GssChannelBindings | None = None
    ) -> tuple[bytes | None, bytes | None, bool]:
        """A token of Negotiate: that of the package inside."""
        first = not self._context_list
        token, mic, is_spnego = super()._step_spnego_input(in_token, channel_bindings)
        if first and is_spnego and in_token and not self._is_same_mech(self._chosen_mech, self._mech_list[0]):
            token = None
        return token, mic, is_spnego

    def _step_spnego_mic(self, in_mic: bytes | None = None) -> bytes | None:
        """The MIC of the list of packages: none where the package has not agreed on integrity (RFC 4178 5), nor for
        a client that is nobody, whose key is no secret: Samba's does not expect one."""
        context = self._context
        if in_mic is None and context.complete:
            self._mic_required &= bool(context.context_attr & ContextReq.integrity and context.client_principal)
        return super()._step_spnego_mic(in_mic)

    def _preferred_mech_list(self) -> list[GSSMech]:
        """What is taken, the best first: a client that would rather have another one has to send a MIC."""
        return list(self._makers)
