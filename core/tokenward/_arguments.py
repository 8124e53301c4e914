"""Checks arguments of the application. Errors name the argument, the type of its value and the fix.

Nothing here checks what a client sends, which raises a `TokenError`.
"""

import inspect
from collections.abc import Collection, Iterable
from typing import NoReturn

from tokenward.errors import ConfigurationError, InvalidKeyError

__all__ = [
    "as_bytes",
    "check_callable",
    "check_methods",
    "check_predicate",
    "checked_names",
    "kind_of",
    "refuse",
    "refuse_no_token",
]


def kind_of(value: object) -> str:
    """Return a description of the type of a value, never its content."""
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


def checked_names(value: str | Collection[str], setting: str) -> frozenset[str]:
    """Check one or several names and return them as a set.

    Raises:
        ConfigurationError: there is no name, or a name is empty or not text.
    """
    given = (value,) if isinstance(value, str) else value
    names = frozenset(given) if isinstance(given, Collection) else frozenset[str]()
    if not names or not all(isinstance(name, str) and name for name in names):
        msg = f"{setting} must be non-empty text, or a collection of non-empty texts."
        raise ConfigurationError(msg)
    return names


def refuse(message: str) -> NoReturn:
    """Raise a `ConfigurationError` with a message that names the argument and the fix."""
    raise ConfigurationError(message)


def refuse_no_token(value: object) -> NoReturn:
    """Raise a TypeError that says what to pass instead of a value that is not a token."""
    fix = "pass what issue returned"
    if hasattr(value, "access_token"):
        fix = "pass pair.access_token, or pair.refresh_token to refresh"
    elif inspect.isawaitable(value):
        fix = "await it first"
    elif value is None:
        fix = "check first whether there is a token"
    msg = f"token must be text or bytes, not {kind_of(value)}: {fix}."
    raise TypeError(msg)


def check_callable(value: object, argument: str, example: str, *, takes: int) -> None:
    """Refuse a value that cannot be called with a number of positional arguments.

    Args:
        value: the value of the argument.
        argument: the name of the argument.
        example: what to pass instead.
        takes: the number of positional arguments of the call.

    Raises:
        ConfigurationError: the value is a class, cannot be called, or takes other arguments.
    """
    if isinstance(value, type) or not callable(value):
        msg = f"{argument} must be a function, not {kind_of(value)}, as in {example}."
        raise ConfigurationError(msg)
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return  # some built-in functions have no signature
    try:
        signature.bind(*(None,) * takes)
    except TypeError:
        wanted = ("no arguments", "one positional argument", "two positional arguments")[takes]
    else:
        return
    msg = f"{argument} must be a function of {wanted}, as in {example}."
    raise ConfigurationError(msg)


def check_predicate(value: object) -> None:
    """Refuse a `check` that cannot be called with the claims.

    Raises:
        ConfigurationError: see `check_callable`.
    """
    check_callable(value, "check", "check=lambda claims: claims.sub == 'root'", takes=1)


def check_methods(value: object, names: Iterable[str], argument: str, example: str) -> None:
    """Refuse a class, and an object that lacks a member of a protocol.

    Raises:
        ConfigurationError: the value is one of these.
    """
    if isinstance(value, type):
        msg = f"{argument} must be an object, not {kind_of(value)}, as in {example}."
        raise ConfigurationError(msg)
    missing = sorted(name for name in names if not hasattr(value, name))
    if missing:
        msg = (
            f"{argument} cannot be {kind_of(value)}, which has no {', '.join(missing)}: "
            f"pass an object as in {example}."
        )
        raise ConfigurationError(msg)
