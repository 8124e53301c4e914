"""Asking whether a token is revoked, and what follows when nobody can say."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

from tokenward._identities import own_name, with_own_name, with_own_names
from tokenward.claims import Claims, exact_issue_time
from tokenward.errors import (
    ConfigurationError,
    StoreUnavailableError,
    TokenError,
    TokenRevokedError,
)
from tokenward.hooks import RegisteredHooks, run_hooks, settled
from tokenward.policy import TokenPolicy
from tokenward.revocation import Consumed, Consumption, Revocation, RevocationStore

__all__ = ["Denial"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
ResultT = TypeVar("ResultT")

_logger: Final = logging.getLogger("tokenward")


class Denial(Generic[ClaimsT]):
    """The store of one engine, with its hooks and its policy for outages."""

    def __init__(
        self, store: RevocationStore | None, policy: TokenPolicy, hooks: RegisteredHooks[ClaimsT]
    ) -> None:
        """Take the store, or None where nothing is ever revoked."""
        self._store = store
        self._timeout = None if store is None else store.timeout_seconds
        self._hooks = hooks
        self._accepts_outage = policy.store_outage == "accept"
        leeway = policy.leeway.total_seconds()
        bound = policy.age_bound
        # Twice the leeway: the clock of the machine that issued a token may have been ahead, and
        # that of the machine that checks it behind.
        self._longest = math.inf if bound is None else bound.total_seconds() + 2 * leeway

    async def refuse_revoked(self, claims: ClaimsT, now: float) -> None:
        """Return when neither the store nor a hook denies the token.

        Raises:
            TokenRevokedError: one does.
            StoreUnavailableError: one failed, and the policy does not say to accept that.
            TypeError: a hook or the store answered neither True nor False.
        """
        store = self._store
        verdict: object = False
        try:
            if store is not None:
                verdict = await self._in_time(
                    store.is_revoked(
                        jti=own_name(claims.jti),
                        sid=claims.sid and own_name(claims.sid),
                        sub=own_name(claims.sub),
                        issued_at=exact_issue_time(claims),
                        now=now,
                    )
                )
            for hook in self._hooks.is_revoked:
                if verdict is not False:
                    break
                verdict = await settled(hook(claims))
        except TokenError:
            raise
        except Exception as exc:
            if not self._accepts_outage:
                raise StoreUnavailableError from exc
            _logger.warning(
                "Revocation could not be checked (%s); the policy accepts the token unchecked.",
                type(exc).__name__,
            )
            return
        if verdict is True:
            raise TokenRevokedError
        if verdict is not False:
            msg = "is_revoked must answer True or False, in a hook and in a store."
            raise TypeError(msg)

    async def deny(self, revocation: Revocation, now: float) -> None:
        """Store a revocation, then tell the hooks.

        Raises:
            ConfigurationError: the engine has no store.
            StoreUnavailableError: the store failed; whether it has the record is not known.
        """
        store = self.store
        with _outage_refused():
            await self._in_time(store.revoke(with_own_name(revocation), now=now))
        await run_hooks(self._hooks.on_revoke, revocation)

    async def consume(self, consumption: Consumption, now: float) -> Consumed:
        """Use a token up: the first time for one caller alone, whatever the policy says of outages.

        Raises:
            ConfigurationError: the engine has no store.
            StoreUnavailableError: the store failed; whether the token is used up is not known.
        """
        store = self.store
        with _outage_refused():
            return await self._in_time(store.consume(with_own_names(consumption), now=now))

    @property
    def store(self) -> RevocationStore:
        """The store.

        Raises:
            ConfigurationError: there is none.
        """
        if self._store is None:
            msg = "This engine has no store: give it one, as in TokenEngine(..., store=MemoryStore())."
            raise ConfigurationError(msg)
        return self._store

    @property
    def is_asked(self) -> bool:
        """Whether there is anything to ask."""
        return self._store is not None or bool(self._hooks.is_revoked)

    def keep_until(self, now: float) -> float:
        """Tell when the last token that lives now is over, for whole sessions and subjects."""
        return now + self._longest

    def _in_time(self, call: Coroutine[Any, Any, ResultT]) -> Awaitable[ResultT]:
        """Bound a call of the store; one that never waits is not wrapped for nothing."""
        return call if self._timeout is None else _within(self._timeout, call)


async def _within(seconds: float, call: Awaitable[ResultT]) -> ResultT:
    async with asyncio.timeout(seconds):
        return await call


@contextmanager
def _outage_refused() -> Iterator[None]:
    try:
        yield
    except ConfigurationError:
        raise
    except Exception as exc:
        raise StoreUnavailableError from exc
