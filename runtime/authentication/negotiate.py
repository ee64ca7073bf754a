"""Both ends of Negotiate (SPNEGO, RFC 4178, MS-SPNG): pyspnego's, with some steps otherwise.

The MIC of the list of packages is left out where the package has not agreed on integrity (RFC 4178 5), as at level
CONNECT: pyspnego sends a constant, which Samba refuses. A server's packages are those that are given, and a token that
a client sends ahead for another package than the one that is chosen is dropped, where pyspnego gives it to that one.
"""

# The classes below take the place of some steps inside of pyspnego's.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Mapping

from spnego import ContextProxy, ContextReq
from spnego._context import GSSMech
from spnego._negotiate import NegotiateProxy
from spnego._spnego import NegTokenResp
from spnego.channel_bindings import GssChannelBindings

from ..ncacn.security import SecurityError


class _Negotiator(NegotiateProxy):
    """What both ends do alike."""

    def _step_spnego_mic(self, in_mic: bytes | None = None) -> bytes | None:
        """The MIC of the list of packages: none is wanted, nor looked at, that would say nothing."""
        if self._context.complete and not self._protects:
            in_mic, self._mic_required = None, False
        return super()._step_spnego_mic(in_mic)

    @property
    def _protects(self) -> bool:
        """Is a signature of the package worth anything? Kerberos' is at any rate."""
        return self._chosen_mech != GSSMech.ntlm or bool(self._context.context_attr & ContextReq.integrity)


class NegotiateInitiator(_Negotiator):
    """A client's end. makers: the packages that it offers, the best first; one that cannot be made is not offered."""

    def __init__(self, makers: Mapping[GSSMech, Callable[[], ContextProxy]], context_req: ContextReq) -> None:
        contexts: dict[GSSMech, ContextProxy] = {}
        reasons: list[str] = []
        for mech, make in makers.items():
            try:
                contexts[mech] = make()
            except Exception as error:  # without credentials, or a package: the next one may do
                reasons.append(f"{mech.name}: {error}")
            else:
                contexts[mech]._is_wrapped = True  # it is not to log the tokens that this one logs
        if not contexts:
            raise SecurityError("; ".join(reasons))
        super().__init__(context_req=context_req, usage="initiate", protocol="negotiate", _negotiate_contexts=contexts)

    def _step_spnego_output(self, out_token: bytes | None = None, out_mic: bytes | None = None) -> bytes | None:
        """A token of Negotiate. The last one without a MIC leaves it to the server to say that all is done."""
        if self._init_sent and out_token and not out_mic and self._context.complete:
            return NegTokenResp(response_token=out_token).pack()
        return super()._step_spnego_output(out_token, out_mic)


class NegotiateAcceptor(_Negotiator):
    """A server's end, which finds out which package its client has. makers: those that are taken, the best first."""

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

    @property
    def _protects(self) -> bool:
        """The key of a client that is nobody is no secret: Samba's does not expect a MIC."""
        return super()._protects and bool(self._context.client_principal)

    def _preferred_mech_list(self) -> list[GSSMech]:
        """What was chosen: a client that would rather have had another package has to send a MIC (RFC 4178 5)."""
        return [self._chosen_mech]
