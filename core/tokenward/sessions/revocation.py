"""Checks whether tokens are revoked, stores revocations, and decides about outages."""

import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from copy import copy, deepcopy
from dataclasses import replace
from operator import itemgetter
from typing import Final, Generic, Literal, Self, TypeVar

from tokenward.claims.model import Claims, exact_issue_time
from tokenward.errors import (
    ConfigurationError,
    StoreUnavailableError,
    TokenRevokedError,
)
from tokenward.hooks import RegisteredHooks, run_hooks
from tokenward.jose.key_source import KeySource
from tokenward.policy import TokenPolicy
from tokenward.sessions.outages import OutageLog
from tokenward.sessions.retention import Retention, end_of_life
from tokenward.sessions.verdicts import any_verdict, failure_in, failure_of, verdict_of
from tokenward.stores.feed import check_at_source
from tokenward.stores.identities import own_name, with_own_name, with_own_names
from tokenward.stores.outages import cause_of
from tokenward.stores.protocol import Consumed, Consumption, Revocation, RevocationStore
from tokenward.tokens.provider_login import names_in

__all__ = ["RevocationChecker", "session_of"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_asked: Final = itemgetter("sub", "iat", "iat_ms", "jti", "type", "sid")
_logger: Final = logging.getLogger("tokenward")


class RevocationChecker(Generic[ClaimsT]):
    """The store and the revocation hooks of one engine, with its policy for outages."""

    def __init__(
        self,
        store: RevocationStore | None,
        keys: KeySource,
        policy: TokenPolicy,
        hooks: RegisteredHooks[ClaimsT],
    ) -> None:
        """Join the store with what decides about its use.

        Args:
            store: the store of the engine; None: tokens are revoked by hooks only.
            keys: the keys of the engine; if they can sign, its policy limits the life of tokens.
            policy: says whether an outage is accepted, and how long tokens live.
            hooks: the hooks of the engine.
        """
        # Imported with the first engine: asyncio takes a third of the time of this package.
        from asyncio import timeout

        self._limit = timeout
        self._store = store
        self._keys = keys
        self._timeout = None if store is None else store.timeout_seconds
        self._hooks = hooks
        self._accepts_outage = policy.store_outage == "accept"
        self.outages: OutageLog = OutageLog()
        self.retention: Retention = Retention(policy, has_store=store is not None)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Copy everything but the store: a copied store would accept used tokens again."""
        twin = copy(self)
        twin._hooks = deepcopy(self._hooks, memo)  # noqa: SLF001 - of this class
        twin._keys = deepcopy(self._keys, memo)  # noqa: SLF001 - of this class
        return twin

    async def refuse_revoked(self, claims: ClaimsT, now: float) -> None:
        """Refuse a token that the store or a hook denies. All of them are asked.

        Args:
            claims: the claims of the token.
            now: the time.

        Raises:
            TokenRevokedError: one of them denies the token, even if another one fails.
            StoreUnavailableError: one of them failed, and the policy does not accept an outage, or
                the token is a refresh token.
            TypeError: a hook or the store returned neither True nor False.
            ConfigurationError: the store cannot be used in this process or event loop.
        """
        store = self._store
        verdict: object = False
        if store is not None:
            try:
                # Written out, and read together as in `ClaimsValidator.check`: it runs for every token.
                sub, iat, iat_ms, jti, kind, sid = _asked(claims.__dict__)
                check = store.is_revoked
                if kind == "refresh":
                    sid, check = session_of(claims), check_at_source(store)
                login = None
                if ":" in jti or ":" in sub or (sid and ":" in sid):
                    login = sid and names_in(sid)
                    jti, sid, sub = own_name(jti), sid and own_name(sid), own_name(sub)
                at = exact_issue_time(iat, iat_ms)
                call: Awaitable[object]
                call = check(jti=jti, sid=sid or None, sub=sub, issued_at=at, now=now)
                if login:
                    more = check(jti="", sid=login[0], sub=login[1], issued_at=at, now=now)
                    call = any_verdict(call, more, never_wait=self._timeout is None)
                if self._timeout is None:  # a store that never waits needs no timeout
                    verdict = await call
                else:
                    async with self._limit(self._timeout):
                        verdict = await call
            except Exception as exc:  # noqa: BLE001 - a store may raise anything
                verdict = failure_of(exc)
        if verdict is not False or self._hooks.is_revoked:
            await self._ask_hooks(verdict, claims, now)

    async def _ask_hooks(self, verdict: object, claims: ClaimsT, now: float) -> None:
        """Refuse a token that the store, whose verdict is given, or a hook denies."""
        verdicts = [verdict]
        for hook in self._hooks.is_revoked:
            if verdicts[-1] is True:
                break
            verdicts.append(await verdict_of(hook, claims))
        if verdicts[-1] is True:
            raise TokenRevokedError

        failure = failure_in(verdicts)
        if failure is not None:
            # A refresh token is traded for new tokens, so an outage is never accepted for it.
            self._refuse_outage(failure, now, accepts_outage=claims.type != "refresh")

    async def deny_token(self, claims: Claims, now: float) -> None:
        """Revoke one token, also if it has expired: another policy may still accept it.

        Args:
            claims: the claims of the token, with a ``jti``.
            now: the time.

        Raises:
            ConfigurationError: the engine has no store.
            StoreUnavailableError: the store failed; it may or may not have stored the revocation.
        """
        store, revocation = self.store, Revocation("token", claims.jti, end_of_life(claims))
        async with self.outage_refused(now):
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
        is_name: bool = False,
    ) -> None:
        """Revoke a session or a subject for as long as any of its tokens may be valid.

        Args:
            kind: whether it is a session or a subject.
            identity: the ``sid`` or the ``sub``.
            now: the time.
            issued_before: for a subject: tokens that were issued earlier are denied.
            claims: the claims of one of the tokens, if known.
            is_name: whether `identity` is already a name in the store.

        Raises:
            ConfigurationError, StoreUnavailableError: see `deny_token`.
        """
        store, retention, is_issuer = self.store, self.retention, self._keys.can_sign
        async with self.outage_refused(now):
            await retention.ensure_known(store, is_issuer=is_issuer)
            until = retention.keep_until(now, claims)
            revocation = Revocation(kind, identity, until, issued_before)
            name = identity if is_name else own_name(identity)
            await store.revoke(replace(revocation, identity=name), now=now)

            # Read after the write: an engine that raises it later finds this record at a refresh.
            await retention.raise_and_read(store, is_issuer=is_issuer)
            until = retention.keep_until(now, claims)
            if until > revocation.keep_until:
                revocation = Revocation(kind, identity, until, issued_before)
                await store.revoke(replace(revocation, identity=name), now=now)

        await run_hooks(self._hooks.on_revoke, revocation)

    async def consume(self, consumption: Consumption, now: float) -> Consumed:
        """Consume a refresh token; exactly one caller is the first. An outage is never accepted.

        Raises:
            ConfigurationError: the engine has no store.
            StoreUnavailableError: the store failed; it may or may not have consumed the token.
        """
        store = self.store
        # Written out: a context manager takes about as long as a call of the memory store.
        try:
            call = store.consume(with_own_names(consumption), now=now)
            if self._timeout is None:
                return await call
            async with self._limit(self._timeout):
                return await call
        except ConfigurationError:
            raise
        except Exception as exc:
            self.outages.tell(exc, now)
            raise StoreUnavailableError from exc

    async def register(self, now_ms: int, *, accepts_outage: bool = True) -> None:
        """Tell the store how long tokens of this engine may live, before the next token is issued.

        Args:
            now_ms: the time, in milliseconds since 1970.
            accepts_outage: False: an outage is refused, whatever the policy says.

        Raises:
            StoreUnavailableError: the store failed, and an outage is not accepted.
            ConfigurationError: the store cannot be used in this process or event loop.
        """
        if not self._keys.can_sign:
            return  # the writer refuses to issue
        try:
            async with self._limit(self._timeout):
                await self.retention.register(self.store, now_ms)
        except ConfigurationError:
            raise
        except Exception as exc:  # noqa: BLE001 - a store may raise anything
            self._refuse_outage(exc, now_ms / 1000, accepts_outage=accepts_outage)

    @property
    def store(self) -> RevocationStore:
        """The store.

        Raises:
            ConfigurationError: the engine has no store.
        """
        if self._store is None:
            msg = "This engine has no store: pass one, as in TokenEngine(..., store=MemoryStore())."
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
    async def outage_refused(self, now: float) -> AsyncIterator[None]:
        """Run calls of the store within one timeout; any error of theirs is an outage.

        Args:
            now: the time.

        Raises:
            StoreUnavailableError: a call failed.
            ConfigurationError: the store cannot be used in this process or event loop.
        """
        try:
            async with self._limit(self._timeout):
                yield
        except ConfigurationError:
            raise
        except Exception as exc:
            self.outages.tell(exc, now)
            raise StoreUnavailableError from exc


def session_of(claims: Claims) -> str | None:
    """Return the session of a token: its ``sid``, or the ``jti`` of a refresh token without one."""
    return claims.sid or (claims.jti if claims.type == "refresh" else None) or None
