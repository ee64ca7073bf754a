"""The cache: small files by key, in a folder that is only ours. Its counterpart `finished.py` says what is kept.

Laws: the folder is used only when it belongs to this user and admits nobody else; what stands in it is trusted as
far as Python's own `__pycache__` is. An entry is written whole or not at all, carries its own digest, and one that
cannot be read is not there. The folder is bounded in entries and octets; the entries used longest ago go first.
A cache that cannot be had is no error: then everything is compiled.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

MAX_ENTRY: Final = 16 << 20
"""Octets of one entry: the largest of the files tried makes 1.5 MB."""
MAX_ENTRIES: Final = 1024
MAX_TOTAL: Final = 256 << 20
"""Octets of all entries."""
SWITCH: Final = "LRPC_NO_CACHE"
"""The environment variable that turns the cache off, whatever its value unless empty."""
_FRESH: Final = 3600
"""Seconds after which a use is noted again in an entry's time."""
_SUFFIX: Final = ".entry"


class Cache:
    """Entries under one folder."""

    def __init__(self, folder: Path, *, entries: int = MAX_ENTRIES, total: int = MAX_TOTAL) -> None:
        self.folder = folder
        self._entries = entries
        self._total = total

    def __repr__(self) -> str:
        return f"Cache({str(self.folder)!r})"

    def get(self, key: str) -> bytes | None:
        """The contents of an entry, as they were put; None when it is not there, damaged, or not ours to trust."""
        with suppress(OSError), self._opened() as folder:
            contents = _read(folder, key + _SUFFIX)
            digest, _, payload = contents.partition(b"\n")
            if digest == sha256(payload).hexdigest().encode():
                return payload
        return None

    def put(self, key: str, payload: bytes) -> None:
        """Keep an entry. One that is too large is not kept, and neither is any when the folder cannot be had."""
        contents = sha256(payload).hexdigest().encode() + b"\n" + payload
        if len(contents) > MAX_ENTRY:
            return
        with suppress(OSError), self._opened(make=True) as folder:
            _write(folder, key + _SUFFIX, contents)
            self._evict(folder)

    def _evict(self, folder: int) -> None:
        """Remove what was used longest ago, until the bounds hold; and what a writer that died left behind."""
        count = total = 0
        for used, size, name in sorted(_listed(folder), reverse=True):
            count, total = count + 1, total + size
            abandoned = not name.endswith(_SUFFIX) and time.time() - used > _FRESH
            if count > self._entries or total > self._total or abandoned:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)

    @contextmanager
    def _opened(self, *, make: bool = False) -> Generator[int]:
        """The folder as a descriptor; PermissionError when it is somebody else's or open to others."""
        if make and not self.folder.exists():
            _make(self.folder)
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            facts = os.fstat(descriptor)
            if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
                raise PermissionError(f"{self.folder} is not only ours")
            yield descriptor
        finally:
            os.close(descriptor)


def user_cache() -> Cache | None:
    """The cache of this user: `$XDG_CACHE_HOME/lrpc`, else `~/.cache/lrpc`; None when it is turned off or cannot be."""
    if os.environ.get(SWITCH) or not hasattr(os, "geteuid"):
        return None
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    with suppress(RuntimeError):  # no home
        home = home.expanduser()
    return Cache(home / "lrpc") if home.is_absolute() else None


def _make(folder: Path) -> None:
    """Make the folder, and those above it where they are ours: root does not make one in a user's home."""
    above = next((one for one in folder.parents if one.exists()), folder)
    if above.stat().st_uid != os.geteuid():
        raise PermissionError(f"{above} is not ours")
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _read(folder: int, name: str) -> bytes:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_ENTRY:
            raise PermissionError(f"{name} is no entry")
        if time.time() - facts.st_mtime > _FRESH:
            os.utime(file.fileno())
        return file.read(MAX_ENTRY)


def _write(folder: int, name: str, contents: bytes) -> None:
    """Under another name first: readers see the old entry or the new one."""
    draft = f"{name}.{os.urandom(8).hex()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(contents)
        os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft, dir_fd=folder)
        raise


def _listed(folder: int) -> Iterator[tuple[float, int, str]]:
    """When each file was used last, its octets, its name."""
    with os.scandir(folder) as found:
        for entry in found:
            with suppress(FileNotFoundError):
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode):
                    yield facts.st_mtime, facts.st_size, entry.name
