"""The adapters that are tested: all, or the one that ``TOKENWARD_TEST_ADAPTER`` names.

A framework that should be there and is not is an error, and not a test that is left out.
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
    """Give what builds the service with one adapter."""
    build: Build = import_module(f"tests.adapters.{name}_service").build
    return build
