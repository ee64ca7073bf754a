"""Servers and clients take objects of their own face."""

from __future__ import annotations

from types import ModuleType

import pytest

from lrpc.runtime.faces import check_face


def test_a_server_takes_methods_of_its_own_face(calculator: ModuleType) -> None:
    plain, awaited = calculator.Service(calculator.World()), calculator.AsyncService(calculator.World())
    check_face(plain, asynchronous=False)
    check_face(awaited, asynchronous=True)
    with pytest.raises(TypeError, match="AsyncServer takes methods that are async def; Service"):
        check_face(plain, asynchronous=True)
    with pytest.raises(TypeError, match="Server takes methods that are plain def; AsyncService"):
        check_face(awaited, asynchronous=False)
