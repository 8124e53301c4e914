"""The adapters to test: all, or the one in ``TOKENWARD_TEST_ADAPTER``.

A missing framework is an error; its tests are not skipped.
"""

import os
from collections.abc import Callable
from importlib import import_module

from tests.support import ShopClaims
from tokenward import TokenEngine

__all__ = ["ALL", "WANTED", "Build", "build_of"]

Build = Callable[[TokenEngine[ShopClaims]], object]
"""What makes the service of the contract, as an ASGI app."""

ALL = ("fastapi", "litestar", "quart")
WANTED = tuple(name for name in ALL if os.environ.get("TOKENWARD_TEST_ADAPTER") in {None, "", name})


def build_of(name: str) -> Build:
    """Return the function that builds the service with one adapter."""
    build: Build = import_module(f"tests.adapters.{name}_service").build
    return build
