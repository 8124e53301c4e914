"""Says what is wrong with an argument that a programmer gave, and what to give instead.

Nothing here judges what a client sent: that is always a `TokenError`, and never raised from here.
"""

import inspect
from collections.abc import Iterable
from typing import NoReturn

from tokenward.errors import ConfigurationError, InvalidKeyError

__all__ = ["as_bytes", "check_callable", "check_methods", "kind_of", "refuse_no_token"]


def kind_of(value: object) -> str:
    """Return what a value is, never what it holds."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"an object of the type {type(value).__name__}"


def as_bytes(value: str | bytes, name: str) -> bytes:
    """Return the bytes of a key, a secret or a password; text as UTF-8.

    Raises:
        InvalidKeyError: the value is neither text nor bytes, or text with a lone surrogate.
    """
    if isinstance(value, bytes):
        return value
    # Checked first, because the error of `encode` would hold the text.
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        msg = f"The {name} must be text or bytes."
        raise InvalidKeyError(msg)
    return value.encode()


def refuse_no_token(value: object) -> NoReturn:
    """Raise a TypeError that says what to pass in place of something that is not a token's text."""
    fix = "pass what issue returned"
    if hasattr(value, "access_token"):
        fix = "pass pair.access_token, or pair.refresh_token to refresh"
    elif inspect.isawaitable(value):
        fix = "await it first"
    elif value is None:
        fix = "look whether there is a token first"
    msg = f"token must be text or bytes, not {kind_of(value)}: {fix}."
    raise TypeError(msg)


def check_callable(value: object, argument: str, example: str, *, takes: int) -> None:
    """Refuse what cannot be called with a number of positional arguments.

    Args:
        value: the argument.
        argument: its name.
        example: what to give instead.
        takes: how many positional arguments it is called with.

    Raises:
        ConfigurationError: it is a class or not callable, or it takes other arguments.
    """
    if isinstance(value, type) or not callable(value):
        msg = f"{argument} must be a function, not {kind_of(value)}, as in {example}."
        raise ConfigurationError(msg)
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return  # some built-in functions do not say what they take
    try:
        signature.bind(*(None,) * takes)
    except TypeError:
        wanted = ("no arguments", "one positional argument")[takes]
    else:
        return
    msg = f"{argument} must be a function of {wanted}, as in {example}."
    raise ConfigurationError(msg)


def check_methods(value: object, names: Iterable[str], argument: str, example: str) -> None:
    """Refuse what is a class, or lacks an attribute of a protocol.

    Raises:
        ConfigurationError: it is one of these.
    """
    if isinstance(value, type):
        msg = f"{argument} must be an object, not {kind_of(value)}, as in {example}."
        raise ConfigurationError(msg)
    missing = sorted(name for name in names if not hasattr(value, name))
    if missing:
        msg = (
            f"{argument} cannot be {kind_of(value)}, which has no {', '.join(missing)}: "
            f"give one as in {example}."
        )
        raise ConfigurationError(msg)
