"""What is found where, for a person: the entries of an endpoint map by interface, as rpcdump shows them.

Names of interfaces come from the interfaces that lrpc has stubs of, and from a list of Windows' other well-known ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from .lookup import Mapped
from .towers import Syntax

NAMES: Final[dict[UUID, tuple[str, str]]] = {
    UUID(uuid): (name, protocol)
    for uuid, name, protocol in (
        # Those that runtime/interfaces has
        ("e1af8308-5d1f-11c9-91a4-08002b14a0fa", "ept", "[MS-RPCE]: endpoint mapper"),
        ("afa8bd80-7d8a-11c9-bef4-08002b102989", "mgmt", "C706: remote management"),
        ("12345778-1234-abcd-ef00-0123456789ab", "lsarpc", "[MS-LSAD], [MS-LSAT]: local security authority"),
        ("12345778-1234-abcd-ef00-0123456789ac", "samr", "[MS-SAMR]: security account manager"),
        ("4b324fc8-1670-01d3-1278-5a47bf6ee188", "srvsvc", "[MS-SRVS]: server service"),
        ("367abb81-9844-35f1-ad32-98f038001003", "svcctl", "[MS-SCMR]: service control manager"),
        ("338cd001-2244-31f1-aaaa-900038001003", "winreg", "[MS-RRP]: remote registry"),
        ("6bffd098-a112-3610-9833-46c3f87e345a", "wkssvc", "[MS-WKST]: workstation service"),
        ("99fcfec4-5260-101b-bbcb-00aa0021347a", "IObjectExporter", "[MS-DCOM]: object exporter"),
        ("4d9f4ab8-7d1c-11cf-861e-0020af6e7c57", "IActivation", "[MS-DCOM]: activation"),
        ("000001a0-0000-0000-c000-000000000046", "IRemoteSCMActivator", "[MS-DCOM]: activation"),
        # Others
        ("60a15ec5-4de8-11d7-a637-005056a20182", "rpcecho", "Samba's echo service"),
        ("12345678-1234-abcd-ef00-01234567cffb", "netlogon", "[MS-NRPC]: netlogon"),
        ("e3514235-4b06-11d1-ab04-00c04fc2dcd2", "drsuapi", "[MS-DRSR]: directory replication"),
        ("12345678-1234-abcd-ef00-0123456789ab", "spoolss", "[MS-RPRN]: print system"),
        ("1ff70682-0a51-30e8-076d-740be8cee98b", "atsvc", "[MS-TSCH]: task scheduler (ATSvc)"),
        ("86d35949-83c9-4044-b424-db363231fd0c", "ITaskSchedulerService", "[MS-TSCH]: task scheduler"),
        ("82273fdc-e32a-18c3-3f78-827929dc23ea", "eventlog", "[MS-EVEN]: event log"),
        ("f6beaff7-1e19-4fbb-9f8f-b89e2018337c", "IEventService", "[MS-EVEN6]: event log"),
        ("4fc742e0-4a10-11cf-8273-00aa004ae673", "netdfs", "[MS-DFSNM]: distributed file system"),
        ("50abc2a4-574d-40b3-9d66-ee4fd5fba076", "DnsServer", "[MS-DNSP]: DNS server management"),
        ("3919286a-b10c-11d0-9ba8-00c04fd92ef5", "dssetup", "[MS-DSSP]: directory services setup"),
        ("894de0c0-0d55-11d3-a322-00c04fa321a1", "InitShutdown", "[MS-RSP]: remote shutdown"),
        ("d95afe70-a6d5-4259-822e-2c84da1ddb0d", "WindowsShutdown", "[MS-RSP]: remote shutdown"),
        ("8fb6d884-2388-11d0-8c35-00c04fda2795", "w32time", "[MS-W32T]: time service"),
        ("c681d488-d850-11d0-8c52-00c04fd90f7e", "efsrpc", "[MS-EFSR]: encrypting file system"),
    )
}


@dataclass(slots=True)
class Listed:
    """An interface and its places."""

    interface: Syntax
    name: str
    """In IDL; empty when nobody knows."""
    protocol: str
    """The document that has it."""
    annotations: list[str] = field(default_factory=list[str])
    bindings: list[str] = field(default_factory=list[str])
    """String bindings in the mapper's order, each once; those for one object have its UUID in front."""

    def has(self, word: str) -> bool:
        """Does the word stand in its UUID, name, document or annotations, in whatever case?"""
        words = (str(self.interface), self.name, self.protocol, *self.annotations)
        return any(word.lower() in one.lower() for one in words)

    def lines(self) -> list[str]:
        """As it is printed: a line for the interface, one for its name, one for each binding."""
        named = " ".join(filter(None, (self.name, self.protocol)))
        quoted = ", ".join(f'"{one}"' for one in self.annotations)
        about = [f"  {one}" for one in (named, quoted) if one]
        return [_plain(line) for line in (str(self.interface), *about, *(f"    {one}" for one in self.bindings))]

    def as_json(self) -> dict[str, Any]:
        """The same as JSON has it."""
        uuid, major, minor = self.interface
        return {
            "uuid": str(uuid),
            "version": f"{major}.{minor}",
            "name": self.name,
            "protocol": self.protocol,
            "annotations": self.annotations,
            "bindings": self.bindings,
        }


def listed(found: Iterable[Mapped], host: str = "") -> list[Listed]:
    """The entries by interface, in the order of names, then UUIDs. host: stands where the mapper names none."""
    by_interface: dict[Syntax, Listed] = {}
    for one in found:
        name, protocol = NAMES.get(one.interface.uuid, ("", ""))
        entry = by_interface.setdefault(one.interface, Listed(one.interface, name, protocol))
        _add(entry.annotations, one.annotation)
        _add(entry.bindings, _shown(one, host))
    return sorted(by_interface.values(), key=lambda entry: (not entry.name, entry.name.lower(), entry.interface))


def _add(words: list[str], word: str) -> None:
    if word and word not in words:
        words.append(word)


def _shown(one: Mapped, host: str) -> str:
    tower = one.tower
    if not tower.protocol:
        return "(a protocol that is not known)"
    address = tower.address or (host if tower.protocol.startswith(("ncacn_ip", "ncadg_ip", "ncacn_http")) else "")
    object = f"{one.object}@" if one.object else ""
    return f"{object}{tower.protocol}:{address}[{tower.endpoint}]"


def _plain(text: str) -> str:
    """Text of a peer without what would tell a terminal to do something."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
