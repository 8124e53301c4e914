"""Why the keys of an issuer cannot be fetched, in words that are safe to log."""

from typing import Final

from tokenward.errors import ConfigurationError

__all__ = ["UnusableResponseError", "reason_of"]

_LONGEST_CHAIN: Final = 8


class UnusableResponseError(Exception):
    """A response has no usable keys; the message says why, and repeats nothing of the response."""


def reason_of(error: Exception) -> str:
    """Return why a fetch failed: a sentence of ours, or the classes of a library's errors.

    The messages of httpx and other libraries are not used, because they repeat URLs.
    """
    if isinstance(error, UnusableResponseError | ConfigurationError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "The response took longer than the timeout."
    return _classes_of(error)


def _classes_of(error: BaseException) -> str:
    """Return the classes of an error and of its first cause, such as a failed check of TLS."""
    # httpcore suppresses the context, which is the only place of the first cause.
    first = error
    for _ in range(_LONGEST_CHAIN):
        first = first.__cause__ or first.__context__ or first
    kinds = dict.fromkeys((type(error), type(first)))
    return ", caused by ".join(
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
        for kind in kinds
    )
