"""The `lrpc` command, also as `python -m lrpc`: what the cache knows is said at once, all else is for `cli.py`."""

from __future__ import annotations

import os
import sys

from .rpcgen.terminal import printable
from .rpcgen.unchanged import FAILED, answered


def main() -> None:
    """The console script."""
    printable()
    try:
        status = answered(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = FAILED
    if status is None:
        from .cli import main as run

        run()
    sys.exit(status)


if __name__ == "__main__":
    main()
