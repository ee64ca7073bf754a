"""Draws docs/states.md from the tables of states: `python docs/draw_states.py` writes it anew."""

from __future__ import annotations

from pathlib import Path

from lrpc.runtime.ncacn.constants import PacketType
from lrpc.runtime.ncacn.states import CLIENT_TRANSITIONS, SERVER_TRANSITIONS, Exchange, State, Transitions

PAGE = Path(__file__).with_name("states.md")
FROM_CLIENT = (
    PacketType.BIND,
    PacketType.ALTER_CONTEXT,
    PacketType.AUTH3,
    PacketType.REQUEST,
    PacketType.CO_CANCEL,
    PacketType.ORPHANED,
)
INTRODUCTION = """# States of a connection-oriented association

Drawn by `python docs/draw_states.py` from the tables in `runtime/ncacn/states.py`; do not edit.

Each arrow is a PDU: `+` one that comes in, `-` one that goes out. What has no arrow in a state is a protocol error
when it comes in, which leads to `closed` from everywhere, and a `StateError` when it is to go out. Words without a sign
say how far the exchange of tokens of authentication has come, right after the PDU that told it.
"""


def arrows(table: Transitions, incoming: bool) -> dict[tuple[State, State], list[str]]:
    """The PDUs between each two states. incoming: whether what a client sends comes in."""
    found: dict[tuple[State, State], list[str]] = {}
    for state, row in table.items():
        for step, following in row.items():
            sign = "+" if (step in FROM_CLIENT) is incoming else "-"
            name = step.value if isinstance(step, Exchange) else f"{sign}{step.name.lower()}"
            found.setdefault((state, following), []).append(name)
    return found


def picture(table: Transitions, incoming: bool) -> str:
    """A Mermaid state diagram of a table."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> idle"]
    for (state, following), names in arrows(table, incoming).items():
        lines.append(f"    {state.value} --> {following.value}: {', '.join(names)}")
    return "\n".join([*lines, "    closed --> [*]", "```"])


def page() -> str:
    """The whole page."""
    server = picture(SERVER_TRANSITIONS, incoming=True)
    client = picture(CLIENT_TRANSITIONS, incoming=False)
    return f"{INTRODUCTION}\n## Server\n\n{server}\n\n## Client\n\n{client}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
