"""Raises errors that may not keep what was being read when they arose."""

from typing import NoReturn

__all__ = ["raise_without_context"]


def raise_without_context(error: Exception) -> NoReturn:
    """Raise an error in an ``except`` block without its context, which may hold a part of a token."""
    try:  # `from None` only hides it from tracebacks: reporters still read `__context__`
        raise error
    finally:
        error.__context__ = None
