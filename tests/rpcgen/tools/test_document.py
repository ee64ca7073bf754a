"""Documentation: says what the model says, in both forms, and lets no text of the IDL become markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from lrpc.rpcgen import compile_idl, model
from lrpc.rpcgen.tools.document import blocks, html, markdown, spoken, stated

IDL = """
[uuid(5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a2e3), version(1.2), endpoint("ncalrpc:[doors]")]
interface doors
{
    typedef [context_handle] void *door;
    typedef enum { OPEN, SHUT = 4 } state;
    typedef struct _report { long n; [size_is(n)] state *states; } report;
    typedef [switch_type(short)] union { [case(1)] long a; [default]; } choice;
    typedef union _either switch (long kind) u { case 0: float f; case 1: double d; } either;
    const long DOORS = 7;
    long Open([in, string, range(0, 20)] wchar_t *name, [out] door *d);
    void Close([in, out] door *d);
    void Look([in] short t, [in, switch_is(t)] choice *c, [out] report *r, [in, unique] either *e);
}
"""


def compiled(text: str = IDL) -> model.Model:
    found = compile_idl("doors.idl", reader={"doors.idl": text}.__getitem__)
    assert found.model is not None, found.errors
    return found.model


class Text(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def seen(page: str) -> Text:
    reader = Text()
    reader.feed(page)
    reader.close()
    return reader


@pytest.mark.parametrize(
    "line",
    [
        "# doors",
        "## interface doors",
        "| version | 1.2 |",
        "| endpoint | ncalrpc:\\[doors\\] |",
        "### 0: Open",
        "| name | in | string of wchar\\_t \\[0..20 items\\] |  |",
        "| d | out | door |  |",
        "| c | in | choice, selected by t |  |",
        "| e | in | unique pointer to either |  |",
        "| states | unique pointer to array of state \\[size n\\] |  |",
        "| SHUT | 4 |  |",
        "| default |  | nothing |  |",
        "Its tag kind is long.",
        "Closed by Close.",
        "| DOORS | 7 |  |",
    ],
)
def test_markdown_has(line: str) -> None:
    assert line in markdown(compiled()).splitlines()


def test_both_forms_say_the_same() -> None:
    said = "".join(seen(html(compiled())).text)
    rows = [cell for block in blocks(compiled()) if hasattr(block, "rows") for row in block.rows for cell in row]
    assert [cell for cell in rows if cell not in said] == []


def test_text_of_comments_becomes_no_markup() -> None:
    found = compiled()
    hostile = "<script>alert(1)</script> [x](javascript:y) `z` | a\n\n# not a heading"
    (interface,) = found.interfaces
    found = found.model_copy(update={"doc": hostile, "interfaces": (interface.model_copy(update={"doc": hostile}),)})
    assert "script" not in seen(html(found)).tags
    assert hostile.split("\n")[0] in "".join(seen(html(found)).text)
    page = markdown(found)
    assert "<script" not in page.replace("\\<", "")
    assert "\n# not a heading" not in page


def test_every_type_and_expression_has_words() -> None:
    number, sibling = model.Number(value=4), model.Sibling(name="n")
    scalar = model.Scalar(word="ULong")
    told = {
        spoken(model.Pipe(element=scalar), {}): "pipe of unsigned long",
        spoken(model.Guid(), {}): "GUID",
        spoken(model.InterfacePointer(name="IFoo"), {}): "interface IFoo",
        spoken(model.Converted(conversion="tree#1"), {}): "tree",
        spoken(model.Ignored(), {}): "nothing",
        spoken(model.Ranged(target=scalar, lowest=1, highest=3), {}): "unsigned long, 1..3",
        spoken(
            model.MultiArray(element=scalar, dimensions=(model.Dimension(size=sibling), model.Dimension(bound=3))), {}
        ): "array of unsigned long [size n] [3]",
        spoken(model.Array(element=scalar, bound=9, length=sibling, first=number), {}): (
            "array of unsigned long [9, length n, from 4]"
        ),
        stated(model.Binary(operator="+", left=sibling, right=number)): "n + 4",
        stated(model.When(condition=model.Present(name="p"), then=number, otherwise=sibling)): "(p != 0) ? 4 : n",
    }
    assert [(said, wanted) for said, wanted in told.items() if said != wanted] == []
