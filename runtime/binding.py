"""String bindings: `[uuid@]protseq:address[[endpoint,option=value,...]]` (MS-RPCE 2.2.1.1 and RpcStringBindingParse).

A backslash before one of `@ : [ ] , =` takes its meaning away; any other backslash is itself, so that
`ncacn_np:[\\pipe\\calc]` reads as it does in Windows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from .status import InvalidBinding

NCALRPC: Final = "ncalrpc"
NCACN_NP: Final = "ncacn_np"
NCACN_IP_TCP: Final = "ncacn_ip_tcp"
MEMORY: Final = "memory"
"""In-process, lrpc's own: for tests and for services inside one program."""

WORDS: Final = ("connect", "packet", "sign", "seal", "spnego", "ntlm", "krb5")
"""Options that are words and have no value, as Samba writes them: the level of authentication, and the package."""

PROTOCOL_SEQUENCES: Final = (NCALRPC, NCACN_NP, NCACN_IP_TCP, MEMORY)

_ESCAPED: Final = re.compile(r"\\([@:\[\],=])")


@dataclass(frozen=True, slots=True)
class StringBinding:
    """Where a server is and how it is spoken to."""

    protocol: str
    """One of PROTOCOL_SEQUENCES."""
    address: str = ""
    """Host name or address; empty for this machine."""
    endpoint: str = ""
    """Port name, pipe name or TCP port; empty when the endpoint mapper is to be asked."""
    object: UUID | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    """Those that are one of WORDS have no value."""

    @classmethod
    def parse(cls, text: str) -> StringBinding:
        """Read a string binding; InvalidBinding says what is wrong with it and where."""
        rest, uuid = text, None
        at = _find(rest, "@")
        if at is not None and (_find(rest, ":") or 0) > at:
            uuid, rest = _uuid(rest[:at], text), rest[at + 1 :]
        colon = _find(rest, ":")
        if colon is None:
            raise InvalidBinding(f"{text!r}: no protocol sequence; one of {', '.join(PROTOCOL_SEQUENCES)} and a colon")
        protocol = rest[:colon].lower()
        if protocol not in PROTOCOL_SEQUENCES:
            raise InvalidBinding(f"{text!r}: {protocol!r} is not one of {', '.join(PROTOCOL_SEQUENCES)}")
        address, endpoint, options = _network(rest[colon + 1 :], text)
        if protocol == NCACN_IP_TCP and not endpoint and (found := re.fullmatch(r"([^:\\]*):([0-9]+)", address)):
            raise InvalidBinding(f"{text!r}: write the port in brackets: {protocol}:{found[1]}[{found[2]}]")
        return cls(protocol, _unescape(address), _endpoint(protocol, endpoint, text), uuid, options)

    def __str__(self) -> str:
        uuid = f"{self.object}@" if self.object else ""
        parts = [_escape(self.endpoint)] if self.endpoint else []
        parts += [
            name if name in WORDS else f"{_escape(name)}={_escape(value)}" for name, value in self.options.items()
        ]
        if not self.endpoint and parts and parts[0] in WORDS:
            parts.insert(0, "")
        bracket = f"[{','.join(parts)}]" if parts else ""
        return f"{uuid}{self.protocol}:{_escape(self.address)}{bracket}"


def _network(text: str, whole: str) -> tuple[str, str, dict[str, str]]:
    bracket = _find(text, "[")
    if bracket is None:
        return text, "", {}
    if _find(text, "]") != len(text) - 1:
        raise InvalidBinding(f"{whole!r}: the bracket that opens the endpoint closes at the end")
    endpoint, options = "", dict[str, str]()
    for index, part in enumerate(_split(text[bracket + 1 : -1])):
        equals = _find(part, "=")
        if equals is not None:
            options[_unescape(part[:equals]).strip()] = _unescape(part[equals + 1 :])
        elif index == 0:
            endpoint = _unescape(part)
        elif part.strip() in WORDS:
            options[part.strip()] = ""
        elif part.strip():
            raise InvalidBinding(f"{whole!r}: {part!r} is neither the endpoint, nor option=value, nor a word")
    if "endpoint" in options:
        endpoint = options.pop("endpoint")
    return text[:bracket], endpoint, options


def _endpoint(protocol: str, endpoint: str, whole: str) -> str:
    if (
        protocol == NCACN_IP_TCP
        and endpoint
        and not (endpoint.isascii() and endpoint.isdigit() and len(endpoint) <= 5 and int(endpoint) < 65536)
    ):
        raise InvalidBinding(f"{whole!r}: {endpoint!r} is no TCP port")
    if "\0" in endpoint:
        raise InvalidBinding(f"{whole!r}: an endpoint holds no NUL")
    return endpoint


def require_local(binding: StringBinding) -> None:
    """InvalidBinding for the address of another machine, where the protocol sequence reaches none."""
    name = binding.address.strip("\\")
    if name in ("", "."):
        return
    reason = f"{binding.protocol} reaches this machine only"
    if binding.protocol == NCACN_NP:
        reason += ": pipes over SMB are not there"
    if not binding.endpoint:
        prefix = "\\pipe\\" if binding.protocol == NCACN_NP else ""
        reason += f"; an endpoint stands in brackets: {binding.protocol}:[{prefix}{name}]"
    raise InvalidBinding(f"{binding}: {reason}")


def pipe_name(endpoint: str) -> str:
    """The name of the pipe in an endpoint `\\pipe\\name`."""
    match = re.fullmatch(r"[\\/]+pipe[\\/]+([^\\/]+)", endpoint, re.IGNORECASE)
    if match is None:
        raise InvalidBinding(f"{endpoint!r} is no pipe: it reads \\pipe\\name")
    return match.group(1)


def _uuid(text: str, whole: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidBinding(f"{whole!r}: {text!r} is no UUID") from None


def _find(text: str, special: str) -> int | None:
    """Where an unescaped special character stands."""
    index = text.find(special)
    while index > 0 and text[index - 1] == "\\":
        index = text.find(special, index + 1)
    return None if index < 0 else index


def _split(text: str) -> list[str]:
    return re.split(r"(?<!\\),", text)


def _escape(text: str) -> str:
    return re.sub(r"([@:\[\],=])", r"\\\1", text)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
