"""Writes every generated file again: the golden stubs, those of `runtime/interfaces` and examples, the model's schema.

Run from the project's root: python -m tests.rpcgen.regenerate
"""

from __future__ import annotations

import json
from pathlib import Path

from lrpc.rpcgen import compile_idl, generate
from lrpc.rpcgen.model import Model

ROOT = Path(__file__).resolve().parents[2]
GOOD = Path(__file__).parent / "good"
EXAMPLES = ROOT / "examples"
INTERFACES = ROOT / "runtime" / "interfaces"
COMMAND = "python -m tests.rpcgen.regenerate"


def golden() -> dict[Path, str]:
    """The golden stubs, by the file where each is kept."""
    return {idl.with_suffix(".py"): _text(idl, f"lrpc gen {idl.name}") for idl in sorted(GOOD.glob("*.idl"))}


def packaged() -> dict[Path, str]:
    """The stubs of the runtime's own interfaces."""
    names = (
        "dcom", "eerr", "epmapper", "lsarpc", "mgmt", "oaut", "pac", "registrar",
        "samr", "srvsvc", "svcctl", "winreg", "wkssvc",
    )  # fmt: skip
    return {INTERFACES / f"{name}.py": _text(ROOT / "idl" / f"{name}.idl", COMMAND, package=True) for name in names}


def examples() -> dict[Path, str]:
    """The stubs of the examples."""
    return {idl.with_suffix(".py"): _text(idl, f"lrpc gen {idl.name}") for idl in sorted(EXAMPLES.glob("*/*.idl"))}


def schema() -> dict[Path, str]:
    """The schema of `lrpc model --json`."""
    return {ROOT / "docs" / "model.schema.json": json.dumps(Model.model_json_schema(), indent=1) + "\n"}


def _text(idl: Path, command: str, *, package: bool = False) -> str:
    compilation = compile_idl(str(idl))
    if compilation.model is None:
        raise SystemExit("\n".join(map(str, compilation.errors)))
    return generate(compilation.model, source=idl.name, command=command, package=package)


if __name__ == "__main__":
    for path, text in {**golden(), **packaged(), **examples(), **schema()}.items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
