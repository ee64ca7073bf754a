"""The verbs of `lrpc` that read IDL: gen, check, lint, model, diff, doc, header, fmt; and the options of the compiler.

A verb asks a module for what it does, and prints it; what it alone needs it imports itself. Counterpart: `cli.py`,
which has the other verbs and the exit statuses.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from . import Diagnostic, IdlError
from .finished import Recalled, finished
from .stubs.stub_file import Options, StubFile, defined, stub_file
from .terminal import complain, counted, report, show, show_json, show_marked
from .unchanged import written

FAILED: Final = 1
BREAKS: Final = {"wire": 10, "security": 12, "source": 11}
"""`lrpc diff`: the first of these that there is."""


class Format(StrEnum):
    """How diagnostics are printed."""

    TEXT = "text"
    JSON = "json"


class Page(StrEnum):
    """The forms of documentation."""

    MARKDOWN = "markdown"
    HTML = "html"


class Dialect(StrEnum):
    """The dialects of IDL."""

    AUTO = "auto"
    MIDL = "midl"
    PIDL = "pidl"


Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="IDL files, or folders of them.", show_default=False)
]
IdlFile = Annotated[str, typer.Argument(metavar="FILE.idl", help="The IDL file.")]
Output = Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="Where it goes. [default: stdout]")]
FormatOption = Annotated[Format, typer.Option(help="How to print what is found.")]


# What verbs have in common

Verb = Callable[..., None]


def _compiler(
    search: Annotated[
        list[str] | None, typer.Option("-I", metavar="DIR", help="A folder for imports; again for more.")
    ] = None,
    define: Annotated[
        list[str] | None, typer.Option("-D", metavar="NAME[=VALUE]", help="A macro; again for more.")
    ] = None,
    dialect: Annotated[Dialect, typer.Option(help="Microsoft's language or that of Samba.")] = Dialect.AUTO,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Compile again what is known already.")] = False,
) -> Options:
    """The options of the compiler."""
    try:
        macros = dict(map(defined, define or ()))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="-D") from None
    return Options(search=search or (), defines=macros, dialect=dialect.value, cached=not no_cache)


def compiling(verb: Verb) -> Verb:
    """Give a verb the options of the compiler, on its command line in place of its parameter `options`."""
    own, added = (inspect.signature(one, eval_str=True).parameters for one in (verb, _compiler))

    @functools.wraps(verb)
    def run(**given: Any) -> None:
        verb(**{name: given[name] for name in own if name in given}, options=_compiler(**{n: given[n] for n in added}))

    kept = [parameter for name, parameter in own.items() if name != "options"]
    parameters = [*kept, *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in added.values())]
    vars(run).update(__signature__=inspect.Signature(parameters))
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _idl_files(paths: Sequence[str]) -> list[str]:
    """The files, and those in the folders."""
    found: list[str] = []
    for path in paths:
        inside = [str(one) for one in sorted(Path(path).rglob("*.idl"))] if os.path.isdir(path) else [path]
        if not inside:
            raise typer.BadParameter(f"{path} has no .idl files", param_hint="FILE...")
        found += inside
    return found


def _report(files: int, found: Sequence[Diagnostic | Recalled], form: Format) -> None:
    """Print diagnostics; status 1 when there are errors."""
    if report(files, found, as_json=form is Format.JSON):
        raise typer.Exit(FAILED)


def _put(text: str, output: str | None) -> None:
    if output is None:
        print(text, end="" if text.endswith("\n") else "\n")
    else:
        Path(output).write_text(text, encoding="utf-8")


# The verbs


@compiling
def gen(
    files: Files,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="DIR", help="Where stubs go. [default: beside the IDL]")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a stub is not up to date.")] = False,
    package: Annotated[bool, typer.Option("--package", hidden=True)] = False,
    *,
    options: Options,
) -> None:
    """Write the Python stub of each IDL file.

    \b
    lrpc gen calc.idl                     writes calc.py
    lrpc gen idl/*.idl -o stubs -I idl    writes stubs/*.py
    lrpc gen --check idl/*.idl            for continuous integration
    """
    options, paths = replace(options, output=output, package=package), _idl_files(files)
    stubs = [stub_file(path, options) for path in paths]
    if len({stub.path for stub in stubs}) < len(stubs):
        raise typer.BadParameter(f"several of these files have the same stub: {', '.join(paths)}")
    if check:
        good = [_check_stub(path, stub, options.command(path)) for path, stub in zip(paths, stubs, strict=True)]
    else:
        good = [written(stub) for stub in stubs]
    if not all(good):
        raise typer.Exit(FAILED)


def _check_stub(path: str, stub: StubFile, command: str) -> bool:
    show_marked(stub.compilation.errors, sys.stderr)
    if stub.text is not None and not stub.current:
        complain(f"{stub.path} is not what {path} says; run: {command}")
    return stub.text is not None and stub.current


@compiling
def check(files: Files, format: FormatOption = Format.TEXT, *, options: Options) -> None:
    """Say what is wrong with IDL files.

    Exit status 1 for errors, 0 when there are only warnings.

    \b
    lrpc check calc.idl
    lrpc check --format json idl | jq '.[].message'
    """
    paths = _idl_files(files)
    found = [finished(options.request(path), cached=options.cached) for path in paths]
    _report(len(paths), [one for each in found for one in each.diagnostics], format)


@compiling
def lint(files: Files, format: FormatOption = Format.TEXT, *, options: Options) -> None:
    """Say what is legal in IDL files and unwise, or without effect.

    Exit status 1 for IDL with errors; advice alone is status 0.

    \b
    lrpc lint calc.idl
    lrpc lint --format json idl
    """
    from .model_file import read_model
    from .tools.lint import lint

    paths, found = _idl_files(files), list[Diagnostic]()
    for path in paths:
        try:
            found += lint(read_model(path, options))
        except IdlError as error:
            found += error.diagnostics
    _report(len(paths), found, format)


@compiling
def model(
    file: Annotated[str | None, typer.Argument(metavar="FILE.idl", help="The IDL file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, the only form that there is.")] = True,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of models instead.")] = False,
    *,
    options: Options,
) -> None:
    """Print what an IDL file means, as JSON.

    \b
    lrpc model calc.idl --json > calc.json
    lrpc model --schema
    """
    from .model_file import indented, schema_text

    if schema == (file is not None):
        raise typer.BadParameter("name an IDL file, or --schema", param_hint="FILE.idl")
    if file is None:
        print(schema_text())
        return
    found = finished(options.request(file), cached=options.cached)
    if found.model is None:
        raise IdlError(found.errors)
    print(indented(found.model))


@compiling
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="IDL, or JSON of `lrpc model`.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same, of today.")],
    format: FormatOption = Format.TEXT,
    *,
    options: Options,
) -> None:
    """Say what a new version of an interface breaks.

    Exit status 10 when old and new peers do not understand each other on the wire, else 12 when the new one checks
    less, else 11 when programs have to be changed; 0 for no difference, or harmless ones.

    \b
    lrpc diff old/calc.idl calc.idl
    lrpc diff calc.json calc.idl --format json
    """
    from .model_file import read_model
    from .tools.diff import differences

    found = differences(read_model(old, options), read_model(new, options))
    if format is Format.JSON:
        show_json([one.as_json() for one in found])
    else:
        show(found, sys.stdout)
    kinds = {one.kind for one in found}
    raise typer.Exit(next((status for kind, status in BREAKS.items() if kind in kinds), 0))


@compiling
def doc(
    file: IdlFile,
    format: Annotated[Page, typer.Option(help="The form of the page.")] = Page.MARKDOWN,
    output: Output = None,
    *,
    options: Options,
) -> None:
    """Print the reference of an interface, from IDL and its comments.

    \b
    lrpc doc calc.idl > calc.md
    lrpc doc calc.idl --format html -o calc.html
    """
    from .model_file import read_model
    from .tools.document import html, markdown

    _put((html if format is Page.HTML else markdown)(read_model(file, options)), output)


@compiling
def header(file: IdlFile, output: Output = None, *, options: Options) -> None:
    """Print a C header with the types of an IDL file.

    \b
    lrpc header calc.idl -o calc.h
    """
    from .model_file import read_model
    from .tools.header import c_header

    _put(c_header(read_model(file, options)), output)


def fmt(
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE...", help="IDL files, or folders of them.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; print what would change.")] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Format stdin to stdout.")] = False,
    width: Annotated[int, typer.Option(min=40, max=400, metavar="N", help="Columns of a line.")] = 100,
) -> None:
    """Format IDL files; every comment and every word stays.

    Prints which files have changed.

    \b
    lrpc fmt calc.idl
    lrpc fmt --check idl          for continuous integration
    lrpc fmt --stdin < calc.idl
    """
    from .tools.format_file import Layout, read_layout

    if stdin == bool(files):
        raise typer.BadParameter("name IDL files, or --stdin", param_hint="FILE...")
    if stdin:
        sys.stdout.write(Layout.of("stdin", sys.stdin.read(), width).after)
        return
    layouts = [read_layout(path, width) for path in _idl_files(files or ())]
    changed = [layout for layout in layouts if layout.changed]
    for layout in changed:
        if diff:
            show_marked(layout.difference(), sys.stdout)
        elif not check:
            layout.write()
        if not diff:
            print(layout.path)
    if check and changed:
        complain(f"{counted(len(changed), 'file')} of {len(layouts)} would change")
        raise typer.Exit(FAILED)


VERBS: Final[tuple[Verb, ...]] = (gen, check, lint, model, diff, doc, header, fmt)
"""In the order in which `lrpc --help` lists them."""
