"""The sets of real IDL files that `make corpus` measures with: where they lie, and how each is to be read.

Law: a set is what a package of the distribution installed, or a folder that the environment names. Nothing is
downloaded here, and a set that is not there is left out. The counterpart is `corpus_files.py`, which reads the files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WINE: Final = Path("/usr/include/wine")
CAMLIDL: Final = Path("/usr/share/doc/camlidl/examples")
DIRECTX: Final = Path("/usr/include/directx")
FOLDER_VARIABLE: Final = "LRPC_CORPUS"
"""Names a folder of IDL files of the reader's own, in MIDL's language; several are separated by colons."""
SAMBA_VARIABLE: Final = "LRPC_SAMBA"
"""Names the unpacked source of Samba; without it, `samba-*` in the build folder is looked for."""


REASONS: Final = {
    ("camlidl", "examples/arrays.idl"): "[size_is] on arrays of fixed size, and arrays without any: camlidl's own",
    ("camlidl", "examples/component.idl"): "HRESULT_int and HRESULT_bool, types of camlidl's own",
    ("camlidl", "hdirect/test006.idl"): "[iid_is] on what the file itself defines as a pointer to char",
    ("camlidl", "hdirect/test027.idl"): "an [in, out] array whose size is [out]: the server could not read it",
    ("camlidl", "hdirect/test033.idl"): "cases that are named in C code only",
    ("camlidl", "examples/unix.idl"): "cases that are named in C code only",
}
"""Why files are refused, by set and end of the path: what is wrong with the file, not with the compiler."""


def reason(corpus: str, path: Path) -> str | None:
    """The reason why a file of a set is refused, when it is the file's fault."""
    ends = [why for (name, end), why in REASONS.items() if name == corpus and str(path).endswith(f"/{end}")]
    return ends[0] if ends else None


@dataclass(frozen=True, slots=True)
class CorpusSet:
    """Files that are measured together.

    search: folders for imports. dialect: as `compile_idl` takes it. typed: are the stubs given to the type checkers?
    """

    name: str
    files: tuple[Path, ...]
    search: tuple[str, ...] = ()
    dialect: str = "auto"
    typed: bool = False


def sets(build: Path) -> list[CorpusSet]:
    """Every set that this machine has. build: where sources of packages were unpacked."""
    wine = _found(WINE)
    windows = str(next((path.parent for path in wine if path.name == "unknwn.idl"), WINE))
    installed = [
        CorpusSet("libwine-dev", wine, (windows,)),
        CorpusSet("camlidl", _found(CAMLIDL), (str(CAMLIDL),)),
        CorpusSet("directx-headers-dev", _found(DIRECTX), (str(DIRECTX), windows)),
    ]
    return [one for one in [*_folders(), *installed, *_samba(build)] if one.files]


def _folders() -> list[CorpusSet]:
    named = [Path(text) for text in os.environ.get(FOLDER_VARIABLE, "").split(os.pathsep) if text]
    return [CorpusSet(folder.name, _found(folder), (str(folder),), typed=True) for folder in named]


def _samba(build: Path) -> list[CorpusSet]:
    named = os.environ.get(SAMBA_VARIABLE)
    roots = [Path(named)] if named else sorted(build.glob("samba-*"))
    if not roots:
        return []
    idl = roots[-1] / "librpc" / "idl"
    files = [path for folder in ("", "source3", "source4") for path in _found(roots[-1] / folder / "librpc" / "idl")]
    return [CorpusSet("samba", tuple(files), (str(idl), str(idl.parents[1]), str(build)), "pidl")]


def _found(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(folder.rglob("*.idl")))
