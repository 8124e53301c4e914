"""What a store raises if it cannot be used, in words that are safe to log."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tokenward.errors import ConfigurationError, StoreUnavailableError

__all__ = ["cause_of", "class_of", "unavailable_if_it_fails"]

_LONGEST_CHAIN: Final = 8


@contextmanager
def unavailable_if_it_fails(store: str) -> Iterator[None]:
    """Raise any error of a block as an outage; for `RevocationStore.ping`.

    Args:
        store: the name of the store's class, for the message.

    Raises:
        ConfigurationError: the block raised it.
        StoreUnavailableError: the block raised another error, whose classes the message names.
    """
    try:
        yield
    except (ConfigurationError, StoreUnavailableError):
        raise
    except Exception as exc:
        msg = (
            f"The {store} cannot be used ({cause_of(exc)}): check that its server runs, and that "
            "this process can reach it and log in."
        )
        raise StoreUnavailableError(msg) from exc


def class_of(error: BaseException) -> str:
    """Return the class of an error with its module; never the message."""
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def cause_of(error: BaseException) -> str:
    """Return the classes of an error and of the errors that caused it, without any message."""
    names: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(names) < _LONGEST_CHAIN:
        names.append(class_of(cause))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return ", caused by ".join(names)
