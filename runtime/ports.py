r"""What `lrpc ports` shows: the objects of the namespace as WinObj has them, and what their holders say of them.

The list comes from the namespace alone; connections and traffic come from the holders of the ports, all asked at
once. A holder that is busy, hangs or does not tell us is listed without. Counts are the server's: in is from clients.
"""

from __future__ import annotations

import pwd
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ..transports import alpc
from ..transports.alpc.inquiry import Client, Information, inquire
from ..transports.errors import NameNotFound, TransportError
from ..transports.namespace import Entry, current
from ..transports.security import Sid

ROOT: Final = "\\"
MAX_DEPTH: Final = 16
"""Directory objects within each other that a list goes down."""
HEADINGS: Final = ("name", "type", "owner", "security", "connections", "messages", "octets", "process")
CLIENT_HEADINGS: Final = ("client", "user", "messages", "octets", "program")


@dataclass(frozen=True, slots=True)
class Port:
    """An object of the namespace, and what its holder says."""

    entry: Entry
    information: Information | None = None
    silence: str = ""
    """Why a port's holder says nothing."""

    def cells(self) -> tuple[str, ...]:
        """A row under HEADINGS."""
        entry, said = self.entry, self.information
        name = entry.full_name if not entry.target else f"{entry.full_name} -> {entry.target}"
        counts = ("", "", "")
        if said is not None:
            connections = f"{said.connections} at a worker" if said.worker else str(said.connections)
            counts = (connections, _both(said, "packets"), _both(said, "octets"))
        if entry.type == alpc.TYPE and said is None:
            counts = (self.silence, "", "")
        process = f"{entry.pid} {program(entry.pid)}".rstrip() if entry.pid else ""
        return tuple(map(shown, (name, entry.type, user(entry.owner), entry.security, *counts, process)))

    def lines(self) -> Iterator[str]:
        """What there is to say before the clients."""
        entry, said = self.entry, self.information
        yield from _line("name", entry.full_name)
        yield from _line("type", entry.type)
        yield from _line("leads to", entry.target)
        yield from _line("owner", f"{user(entry.owner)} ({entry.owner})")
        yield from _line("security", entry.security)
        yield from _line("process", f"{entry.pid} {program(entry.pid)}".rstrip() if entry.pid else "")
        yield from _line("", self.silence)
        if said is None:
            return
        yield from _line("messages up to", f"{said.max_message_length} octets")
        yield from _line("sections up to", f"{said.max_section_size} octets")
        yield from _line("may wait", f"{said.backlog} to be seen, {said.max_pending} to be heard")
        yield from _line("counted", "by the worker that was asked, for itself alone" if said.worker else "")
        yield from _line("connections", f"{said.connections} now, {said.accepted} in all")
        yield from _line("messages", f"{said.packets_in} in, {said.packets_out} out")
        yield from _line("octets", f"{said.octets_in} in, {said.octets_out} out")
        for interface in said.interfaces:
            yield from _line("interface", interface)

    def clients(self) -> list[tuple[str, ...]]:
        """Rows under CLIENT_HEADINGS."""
        said = () if self.information is None else self.information.clients
        return [tuple(map(shown, _client(one))) for one in said]

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        entry, said = self.entry, self.information
        found: dict[str, Any] = {
            "name": entry.full_name,
            "type": entry.type,
            "owner": str(entry.owner),
            "user": user(entry.owner),
            "security": entry.security,
        }
        if entry.target:
            found["target"] = entry.target
        if entry.pid:
            found |= {"pid": entry.pid, "program": program(entry.pid)}
        if said is not None:
            found |= asdict(said)
            found["clients"] = [asdict(one) | {"program": program(one.pid)} for one in said.clients]
        elif self.silence:
            found["silence"] = self.silence
        return found


def listed(directory: str, timeout: float) -> list[Port]:
    """The objects in a directory object, and in those within it; the ports' holders have `timeout` seconds to answer.

    Raises NameNotFound, NameInvalid, TypeMismatch, AccessDenied for the directory.
    """
    names = current(ROOT)
    return _asked(list(_below(names.entries(directory), 0)), timeout)


def shown_one(name: str, timeout: float) -> Port:
    r"""One object, by its name; one without a leading backslash is in `\RPC Control`. Raises what `listed` raises."""
    names = current(alpc.DIRECTORY)
    full = names.full_name(name)
    above, _, leaf = full.rpartition("\\")
    for entry in names.entries(above or ROOT):
        if entry.name.casefold() == leaf.casefold():
            return _asked([entry], timeout)[0]
    raise NameNotFound(full)


def user(owner: Sid) -> str:
    """The name of a user, or its SID."""
    try:
        return str(owner) if owner.uid is None else pwd.getpwuid(owner.uid).pw_name
    except KeyError:
        return str(owner)


def program(pid: int) -> str:
    """The words that started a process, the first 60 characters; nothing when it is gone or not ours to see."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()[:400].split(b"\0")
    except OSError:
        return ""
    first = words[0].rpartition(b"/")[2]
    return b" ".join((first, *words[1:])).decode("utf-8", "replace").strip()[:60]


def shown(text: str) -> str:
    """Text of other users as it may stand on a terminal."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _below(entries: Sequence[Entry], depth: int) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        if entry.type != "Directory" or depth == MAX_DEPTH:
            continue
        try:
            inside = current(ROOT).entries(entry.full_name)
        except TransportError:  # not ours to see, or gone
            continue
        yield from _below(inside, depth + 1)


def _asked(entries: Iterable[Entry], timeout: float) -> list[Port]:
    entries = list(entries)
    ports = [entry.full_name for entry in entries if entry.type == alpc.TYPE]
    answers = inquire(ports, timeout, alpc.DIRECTORY)
    return [_port(entry, answers.get(entry.full_name)) for entry in entries]


def _port(entry: Entry, answer: Information | TransportError | None) -> Port:
    if isinstance(answer, TransportError):
        return Port(entry, silence=f"its process does not answer: {answer.name}")
    return Port(entry, answer)


def _client(client: Client) -> tuple[str, ...]:
    who = user(Sid.of_user(client.uid))
    return (str(client.pid), who, _both(client, "packets"), _both(client, "octets"), program(client.pid))


def _both(counts: Client | Information, what: str) -> str:
    return f"{getattr(counts, f'{what}_in')}/{getattr(counts, f'{what}_out')}"


def _line(what: str, text: str) -> Iterator[str]:
    if text:
        yield shown(f"{what:<16}{text}")
