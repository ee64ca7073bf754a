"""The passes: what is read in which order, what one leaves to the next, and when there is a model."""

from __future__ import annotations

import gc
from collections.abc import Mapping

import pytest

from lrpc.rpcgen import passes
from lrpc.rpcgen.diagnostics import Diagnostic
from lrpc.rpcgen.passes import MAX_IMPORTS, MAX_WARNINGS, load, run
from lrpc.rpcgen.source import Sources
from lrpc.rpcgen.unit import Unit

HEAD = "[uuid(12345678-1234-1234-1234-123456789012), version(1.0)] interface i"


def unit(files: Mapping[str, str] | str, **defines: str) -> Unit:
    texts = {"a.idl": files} if isinstance(files, str) else files
    return Unit("a.idl", Sources(texts.__getitem__, []), defines)


def codes(found: list[Diagnostic]) -> list[str]:
    return [one.code for one in found]


def definitions(made: Unit) -> list[str]:
    assert made.model is not None
    return [one.name for one in made.model.definitions]


def test_files_are_read_once_with_imports_first() -> None:
    files = {
        "a.idl": 'import "b.idl", "c.idl"; typedef long a;',
        "b.idl": 'import "c.idl"; typedef long b;',
        "c.idl": 'import "a.idl"; typedef long c;',
    }
    made = unit(files)
    assert load(made) == []
    assert [source.name for source, _ in made.files] == ["c.idl", "b.idl", "a.idl"]


def test_imports_inside_interfaces_and_libraries_are_read() -> None:
    files = {
        "a.idl": f'library l {{ {HEAD} {{ import "b.idl"; }}; }};',
        "b.idl": "typedef long b;",
    }
    made = unit(files)
    assert load(made) == []
    assert [source.name for source, _ in made.files] == ["b.idl", "a.idl"]


@pytest.mark.parametrize(("length", "found"), [(MAX_IMPORTS, []), (MAX_IMPORTS + 1, ["E0114"])])
def test_chain_of_imports_is_bounded(length: int, found: list[str]) -> None:
    chain = {f"f{number}.idl": f'import "f{number + 1}.idl";' for number in range(length)}
    files = {"a.idl": 'import "f1.idl";', **chain, f"f{length}.idl": "typedef long b;"}
    assert codes(load(unit(files))) == found


def test_import_that_is_missing_does_not_hide_the_others() -> None:
    files = {"a.idl": 'import "no.idl", "b.idl", "none.idl"; typedef long a;', "b.idl": "typedef long b;"}
    made = unit(files)
    assert codes(load(made)) == ["E0101", "E0101"]
    assert [source.name for source, _ in made.files] == ["b.idl", "a.idl"]


def test_missing_file_is_one_diagnostic() -> None:
    made = unit({})
    assert codes(run(made)) == ["E0101"]
    assert made.model is None


def test_macros_from_outside_reach_every_file() -> None:
    files = {"a.idl": 'import "b.idl"; const long a = N;', "b.idl": "const long b = N;"}
    made = unit(files, N="7")
    assert run(made) == []
    assert made.model is not None
    assert [(one.name, one.value) for one in made.model.constants] == [("b", 7), ("a", 7)]


def test_condition_counts_unknown_names_as_zero_and_says_what_is_no_expression() -> None:
    made = unit("#if UNKNOWN || 2 < 1\ntypedef wrong a;\n#endif\ntypedef struct { long a; } s;")
    assert run(made) == []
    assert definitions(made) == ["s"]
    assert codes(load(unit("#if 1 +\n#endif"))) == ["E0109"]


def test_syntax_error_ends_the_compilation_before_names_are_looked_at() -> None:
    made = unit("typedef missing a; typedef 5;")
    assert codes(run(made)) == ["E0201"]
    assert made.model is None


def test_one_error_leaves_no_model_and_warnings_do() -> None:
    good = unit("typedef struct { void *p; } s;")
    assert [one.severity for one in run(good)] == ["warning"]
    assert definitions(good) == []
    bad = unit(f"typedef struct {{ void *p; }} s; {HEAD} {{ void f([in] s *a); }}")
    assert "E0502" in codes(run(bad))
    assert bad.model is None


def test_model_has_what_the_file_declares_and_what_it_uses_of_imports() -> None:
    files = {
        "a.idl": f'import "b.idl"; typedef struct {{ inner *p; }} own; {HEAD} {{ void f([in] used *a); }}',
        "b.idl": "typedef struct { int a; } unused; typedef struct { int b; } inner; typedef struct { int c; } used;",
    }
    made = unit(files)
    assert run(made) == []
    assert definitions(made) == ["inner", "used", "own"]


def test_enumerations_of_imports_are_in_the_model_whether_used_or_not() -> None:
    files = {"a.idl": 'import "b.idl"; typedef long a;', "b.idl": "typedef enum { A = 1 } e;"}
    made = unit(files)
    assert run(made) == []
    assert definitions(made) == ["e"]


@pytest.mark.parametrize(
    ("names", "closing"),
    [(("Close",), "Close"), (("Drop",), None), (("Close", "Free"), None), (("Drop", "EndIt"), "EndIt")],
)
def test_context_is_closed_by_the_one_operation_whose_name_says_so(names: tuple[str, ...], closing: str | None) -> None:
    operations = "".join(f"void {name}([in, out] h *a);" for name in names)
    made = unit(f"typedef [context_handle] void *h; {HEAD} {{ void Open([out] h *a); {operations} }}")
    assert run(made) == []
    assert made.model is not None
    assert [getattr(one, "closed_by", None) for one in made.model.definitions] == [closing]


def test_warnings_are_as_many_as_anybody_reads_and_errors_are_all_there() -> None:
    count = MAX_WARNINGS + 5
    made = unit("".join(f"typedef struct {{ void *p; }} s{number};" for number in range(count)) + "typedef missing a;")
    found = run(made)
    assert len(found) == MAX_WARNINGS + 2
    assert [one.code for one in found if one.severity == "error"] == ["E0301"]
    assert found[-1].code == "W0119"


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_left_as_it_was(enabled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(unit: Unit) -> list[Diagnostic]:
        seen.append(gc.isenabled())
        raise RuntimeError

    seen: list[bool] = []
    monkeypatch.setattr(passes, "_run", fails)
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(RuntimeError):
            run(unit(""))
        assert (seen, gc.isenabled()) == ([False], enabled)
    finally:
        (gc.enable if before else gc.disable)()
