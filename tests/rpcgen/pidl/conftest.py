"""What the tests of the dialect share."""

from __future__ import annotations

import pytest

from tests.rpcgen.pidl.at_work import Pidl


@pytest.fixture
def pidl() -> Pidl:
    """The dialect at work."""
    return Pidl()
