"""Variables of the environment for a moment: packages are told of files in no other way."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager

_lock = threading.Lock()


@contextmanager
def environment(variables: Mapping[str, str]) -> Generator[None]:
    """Have these variables inside. One thread at a time; without variables nothing happens."""
    if not variables:
        yield
        return
    with _lock:
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
