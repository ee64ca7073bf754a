"""The Windows programs of windows/: built by mingw-w64 and its widl, run by Wine without a screen."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCES = Path(__file__).parent / "windows"
COMPILER, STUBS, WINE = "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-widl", "wine"
HEADERS = "/usr/x86_64-w64-mingw32/include"
INSTALL = "apt-get install wine wine64 gcc-mingw-w64-x86-64-win32 mingw-w64-tools"
WATCHDOG = 120.0
QUIET = {
    "WINEDEBUG": "-all",
    "WINEARCH": "win64",
    "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe,winedbg.exe=d",
}


def missing() -> str:
    """What has to be installed; nothing when all is there."""
    there = all(shutil.which(name) for name in (COMPILER, STUBS, WINE))
    return "" if there else f"Wine and mingw-w64 are needed: {INSTALL}"


class Windows:
    """A Windows of its own in `folder`, with both programs in it. Ends by `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = os.environ | QUIET | {"WINEPREFIX": str(folder / "prefix")}
        self._build()
        self._start()

    def client(self, *words: str) -> list[str]:
        """The lines that the client says."""
        return self._run("client.exe", *words).split("\n")[:-1]

    @contextmanager
    def server(self, *words: str) -> Iterator[None]:
        """The server, listening."""
        with subprocess.Popen(
            [WINE, "server.exe", *words],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                said = process.stdout.readline().strip()
                assert said == "listening", said
                yield
                process.stdin.close()
                assert process.wait(WATCHDOG) == 0
            finally:
                if process.poll() is None:
                    process.kill()

    def close(self) -> None:
        """End what Wine left running."""
        subprocess.run(["wineserver", "--kill"], env=self._environment, check=False, timeout=WATCHDOG)

    def _build(self) -> None:
        self._folder.mkdir()
        self._make(STUBS, "-m64", "-Oif", "-h", "-c", "-s", "-I", HEADERS, str(SOURCES / "shapes.idl"))
        for program, stub in (("server", "shapes_s.c"), ("client", "shapes_c.c")):
            sources = [str(SOURCES / f"{program}.c"), str(SOURCES / "memory.c"), stub]
            self._make(COMPILER, "-O1", "-Wall", "-Werror", "-I.", "-o", f"{program}.exe", *sources, "-lrpcrt4")

    def _start(self) -> None:
        """Make the prefix, and stay: a program that finds Wine's server just ending may end with it, nothing said."""
        for command in ([WINE, "wineboot", "--init"], ["wineserver", "--wait"], ["wineserver", "--persistent"]):
            subprocess.run(command, env=self._environment, check=True, stdin=subprocess.DEVNULL, timeout=WATCHDOG)
        # The first program starts Wine's own services beside itself.
        assert self._run("cmd", "/c", "echo", "ready").strip() == "ready"

    def _make(self, *command: str) -> None:
        subprocess.run(command, cwd=self._folder, check=True, timeout=WATCHDOG)

    def _run(self, *words: str) -> str:
        # A file, not a pipe: what Wine starts beside the program keeps it open.
        with (self._folder / "stderr.txt").open("w+") as complaints:
            done = subprocess.run(
                [WINE, *words],
                cwd=self._folder,
                env=self._environment,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                timeout=WATCHDOG,
            )
            complaints.seek(0)
            assert done.stdout, f"{words} said nothing and ended with {done.returncode}: {complaints.read()}"
        return done.stdout
