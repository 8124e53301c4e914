"""What a store or an `is_revoked` hook answered: True, False, or the error that it raised."""

from collections.abc import Awaitable, Sequence
from inspect import isawaitable
from typing import NamedTuple, TypeVar

from tokenward.claims.model import Claims
from tokenward.errors import (
    ConfigurationError,
    KeysUnavailableError,
    StoreUnavailableError,
    TokenError,
)
from tokenward.hooks import IsRevoked

__all__ = ["any_verdict", "failure_in", "failure_of", "verdict_of"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class _Failure(NamedTuple):
    """The error of a store or a hook that did not answer."""

    error: Exception


async def verdict_of(hook: IsRevoked[ClaimsT], claims: ClaimsT) -> object:
    """Return the result of a hook, or the error that it raised.

    Raises:
        TokenError: the hook refuses the token.
    """
    try:
        answer = hook(claims)
        return await answer if isawaitable(answer) else answer
    except Exception as exc:  # noqa: BLE001 - the other hooks are asked in any case
        return failure_of(exc)


async def any_verdict(*calls: Awaitable[object], never_wait: bool = False) -> object:
    """Return the result of several questions to a store, which share one round trip.

    Args:
        calls: the questions.
        never_wait: whether the store has its answers at once, so that no round trip is to be shared.

    Returns:
        True if one of them was answered with True; else the first answer that is not False.

    Raises:
        Exception: a call failed, and none was answered with True.
    """
    if never_wait:
        found = [await _answer_to(call) for call in calls]
    else:
        from asyncio import gather

        found = await gather(*calls, return_exceptions=True)
    if any(each is True for each in found):
        return True
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return next((each for each in found if each is not False), False)


async def _answer_to(call: Awaitable[object]) -> object:
    try:
        return await call
    except Exception as exc:  # noqa: BLE001 - the other questions are asked in any case
        return exc


def failure_of(error: Exception) -> _Failure:
    """Return an error as an outage, unless it refuses the token.

    Raises:
        TokenError: the error refuses the token.
    """
    is_outage = isinstance(error, (StoreUnavailableError, KeysUnavailableError))
    if isinstance(error, TokenError) and not is_outage:
        raise error
    return _Failure(error)


def failure_in(verdicts: Sequence[object]) -> Exception | None:
    """Return the first error among results of which none is True; None if there is no error.

    Raises:
        ConfigurationError: one of the errors is a mistake in the configuration.
        TypeError: a result is neither True, False nor an error.
    """
    unclear = [each for each in verdicts if each is not False]
    failures = [each.error for each in unclear if isinstance(each, _Failure)]
    for failure in failures:
        if isinstance(failure, ConfigurationError):
            raise failure
    if len(failures) < len(unclear):
        msg = "is_revoked must return True or False, in a hook and in a store."
        raise TypeError(msg)
    return failures[0] if failures else None
