"""Whether a token is revoked, and what follows when nobody can say."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import copy, deepcopy
from typing import Final, Generic, Literal, NamedTuple, Self, TypeVar

from tokenward.claims.model import Claims, exact_issue_time
from tokenward.errors import (
    ConfigurationError,
    KeysUnavailableError,
    StoreUnavailableError,
    TokenError,
    TokenRevokedError,
)
from tokenward.hooks import IsRevoked, RegisteredHooks, maybe_await, run_hooks
from tokenward.jose.key_source import KeySource
from tokenward.policy import TokenPolicy
from tokenward.sessions.outages import OutageLog, cause_of
from tokenward.sessions.retention import Retention, end_of_life
from tokenward.stores.identities import own_name, with_own_name, with_own_names
from tokenward.stores.protocol import Consumed, Consumption, Revocation, RevocationStore

__all__ = ["RevocationChecker", "session_of"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_logger: Final = logging.getLogger("tokenward")


class _Failure(NamedTuple):
    error: Exception


class RevocationChecker(Generic[ClaimsT]):
    """The store of one engine, with its hooks and its policy for outages."""

    def __init__(
        self,
        store: RevocationStore | None,
        keys: KeySource,
        policy: TokenPolicy,
        hooks: RegisteredHooks[ClaimsT],
    ) -> None:
        """Take the store (None: nothing is ever revoked) and what the engine knows of outages.

        Args:
            store: the store of the engine.
            keys: the keys of the engine; if they can sign, its tokens need records in the store.
            policy: whether an outage is accepted, and how long tokens live.
            hooks: the hooks of the engine.
        """
        self._store = store
        self._keys = keys
        self._timeout = None if store is None else store.timeout_seconds
        self._hooks = hooks
        self._accepts_outage = policy.store_outage == "accept"
        self.outages: OutageLog = OutageLog()
        self.retention: Retention = Retention(policy, has_store=store is not None)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Copy all but the store: with records of its own a copy would accept used tokens again."""
        twin = copy(self)
        memo[id(self)] = twin
        twin._hooks = deepcopy(self._hooks, memo)  # noqa: SLF001 - of this class
        twin._keys = deepcopy(self._keys, memo)  # noqa: SLF001 - of this class
        return twin

    async def refuse_revoked(self, claims: ClaimsT, now: float) -> None:
        """Return when neither the store nor a hook denies the token. All are asked.

        Args:
            claims: the claims of the token.
            now: the time.

        Raises:
            TokenRevokedError: one denies it, even where another fails.
            StoreUnavailableError: one failed, and the policy does not say to accept that; or the
                token is a refresh token, for which an outage is never accepted.
            TypeError: a hook or the store answered neither True nor False.
            ConfigurationError: the store cannot be used in this process or event loop.
        """
        store, hooks = self._store, self._hooks.is_revoked
        verdict: object = False
        if store is not None:
            try:
                # All in one function: this is asked for every token.
                jti, sub = claims.jti, claims.sub
                sid = session_of(claims) if claims.type == "refresh" else claims.sid
                if ":" in jti or ":" in sub or (sid and ":" in sid):
                    jti, sid, sub = own_name(jti), sid and own_name(sid), own_name(sub)
                call = store.is_revoked(
                    jti=jti,
                    sid=sid or None,
                    sub=sub,
                    issued_at=exact_issue_time(claims),
                    now=now,
                )
                if self._timeout is None:  # a store that never waits is not timed for nothing
                    verdict = await call
                else:
                    async with asyncio.timeout(self._timeout):
                        verdict = await call
            except Exception as exc:  # noqa: BLE001 - a store may raise anything
                verdict = _failure_of(exc)
        if verdict is False and not hooks:
            return
        verdicts = [verdict]
        for hook in hooks:
            if verdicts[-1] is True:
                break
            verdicts.append(await _verdict_of(hook, claims))
        if verdicts[-1] is True:
            raise TokenRevokedError
        failure = _failure_in(verdicts)
        if failure is not None:
            # Whoever asks for a refresh token issues something for it, `refresh` or the user's code.
            self._refuse_outage(failure, now, accepts_outage=claims.type != "refresh")

    async def deny_token(self, claims: Claims, now: float) -> None:
        """Revoke one token, also one that has expired by this policy: another may still accept it.

        Args:
            claims: its claims, with a ``jti``.
            now: the time.

        Raises:
            ConfigurationError: the engine has no store.
            StoreUnavailableError: the store failed; whether it has the record is not known.
        """
        store, revocation = self.store, Revocation("token", claims.jti, end_of_life(claims))
        async with self._outage_refused(now):
            await store.revoke(with_own_name(revocation), now=now)
        await run_hooks(self._hooks.on_revoke, revocation)

    async def deny_all(
        self,
        kind: Literal["session", "subject"],
        identity: str,
        now: float,
        *,
        issued_before: float | None = None,
        claims: Claims | None = None,
    ) -> None:
        """Revoke a session or a subject for as long as any of its tokens may live.

        Args:
            kind: which of the two.
            identity: its ``sid`` or ``sub``.
            now: the time.
            issued_before: for a subject: tokens that were issued earlier are denied.
            claims: those of one of the tokens, if there are any.

        Raises:
            ConfigurationError, StoreUnavailableError: see `deny_token`.
        """
        store, retention, is_issuer = self.store, self.retention, self._keys.can_sign
        async with self._outage_refused(now):
            await retention.prepare(store, is_issuer=is_issuer)
            until = retention.keep_until(now, claims)
            revocation = Revocation(kind, identity, until, issued_before)
            await store.revoke(with_own_name(revocation), now=now)
            # Asked after the write: whoever raises it later sees this record when refreshing.
            await retention.ask(store, is_issuer=is_issuer)
            until = retention.keep_until(now, claims)
            if until > revocation.keep_until:
                revocation = Revocation(kind, identity, until, issued_before)
                await store.revoke(with_own_name(revocation), now=now)
        await run_hooks(self._hooks.on_revoke, revocation)

    async def consume(self, consumption: Consumption, now: float) -> Consumed:
        """Use a token up: the first time for one caller alone, whatever the policy says of outages.

        Raises:
            ConfigurationError: the engine has no store.
            StoreUnavailableError: the store failed; whether the token is used up is not known.
        """
        store = self.store
        # Written out, because a context manager would take a third of the time of a fast store.
        try:
            call = store.consume(with_own_names(consumption), now=now)
            if self._timeout is None:
                return await call
            async with asyncio.timeout(self._timeout):
                return await call
        except ConfigurationError:
            raise
        except Exception as exc:
            self.outages.tell(exc, now)
            raise StoreUnavailableError from exc

    async def register(self, now_ms: int, *, accepts_outage: bool = True) -> None:
        """Tell the store how long tokens of this engine may live, before any is issued.

        Args:
            now_ms: the time, in milliseconds since 1970.
            accepts_outage: False: an outage is never accepted, whatever the policy says.

        Raises:
            StoreUnavailableError: the store failed, and the policy does not say to accept that.
            ConfigurationError: the store cannot be used in this process or event loop.
        """
        if not self._keys.can_sign:
            return  # the writer refuses to issue
        try:
            async with asyncio.timeout(self._timeout):
                await self.retention.register(self.store, now_ms)
        except ConfigurationError:
            raise
        except Exception as exc:  # noqa: BLE001 - a store may raise anything
            self._refuse_outage(exc, now_ms / 1000, accepts_outage=accepts_outage)

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

    def _refuse_outage(self, error: Exception, now: float, *, accepts_outage: bool) -> None:
        if not (accepts_outage and self._accepts_outage):
            self.outages.tell(error, now)
            raise StoreUnavailableError from error
        _logger.warning(
            "The revocation store or an is_revoked hook failed (%s); the policy accepts that.",
            cause_of(error),
        )

    @asynccontextmanager
    async def _outage_refused(self, now: float) -> AsyncIterator[None]:
        """Run calls of the store that share one time-out."""
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except ConfigurationError:
            raise
        except Exception as exc:
            self.outages.tell(exc, now)
            raise StoreUnavailableError from exc


def session_of(claims: Claims) -> str | None:
    """Return the session of a token: its ``sid``; a refresh token without one begins its own."""
    return claims.sid or (claims.jti if claims.type == "refresh" else None) or None


async def _verdict_of(hook: IsRevoked[ClaimsT], claims: ClaimsT) -> object:
    """Return what a hook answers, or the error that kept it from answering.

    Raises:
        TokenError: the hook refuses the token with an error of its own.
    """
    try:
        return await maybe_await(hook(claims))
    except Exception as exc:  # noqa: BLE001 - whatever it is, the others are asked as well
        return _failure_of(exc)


def _failure_of(error: Exception) -> _Failure:
    """Take an error for an outage, unless it refuses the token.

    Raises:
        TokenError: the error refuses the token.
    """
    is_outage = isinstance(error, (StoreUnavailableError, KeysUnavailableError))
    if isinstance(error, TokenError) and not is_outage:
        raise error
    return _Failure(error)


def _failure_in(verdicts: Sequence[object]) -> Exception | None:
    """Return the first error among answers of which none is True.

    Raises:
        ConfigurationError: one of the errors is the programmer's to mend.
        TypeError: an answer is neither True, False nor an error.
    """
    failures = [each.error for each in verdicts if isinstance(each, _Failure)]
    for failure in failures:
        if isinstance(failure, ConfigurationError):
            raise failure
    if not all(each is False or isinstance(each, _Failure) for each in verdicts):
        msg = "is_revoked must answer True or False, in a hook and in a store."
        raise TypeError(msg)
    return failures[0] if failures else None
