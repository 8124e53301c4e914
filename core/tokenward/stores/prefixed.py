"""Several issuers in one store, without any of them seeing the records of another."""

from dataclasses import replace
from typing import Self

from tokenward._arguments import check_methods
from tokenward.errors import ConfigurationError
from tokenward.stores.identities import prefix_of
from tokenward.stores.protocol import OF_STORES, Consumed, Consumption, Revocation, RevocationStore

__all__ = ["PrefixedStore"]


class PrefixedStore:
    """A `RevocationStore` that keeps its records in another, under a name of its own.

    ::

        store = RedisStore(url)
        TokenEngine(..., policy=TokenPolicy(issuer=ours), store=PrefixedStore(store, ours))
        TokenEngine(..., policy=TokenPolicy(issuer=theirs), store=PrefixedStore(store, theirs))

    A ``jti``, a ``sid`` or a ``sub`` is unique within its issuer alone (RFC 7519 §4.1.7): "alice" of
    one issuer is not "alice" of another. Records that were written without a prefix are not seen, and
    an engine on the inner store itself does not see, and cannot write, those with one.
    """

    __slots__ = ("_inner", "_prefix")

    def __init__(self, inner: RevocationStore, prefix: str) -> None:
        """Take the store that is shared, and what tells these records from others': the issuer, say.

        Raises:
            ConfigurationError: the prefix is no text, or empty; or `inner` is no store.
        """
        check_methods(inner, OF_STORES, "inner", "PrefixedStore(MemoryStore(), issuer)")
        if not isinstance(prefix, str) or not prefix:
            msg = "prefix must be text that is not empty, such as the issuer."
            raise ConfigurationError(msg)
        self._inner = inner
        self._prefix = prefix_of(prefix)

    @property
    def timeout_seconds(self) -> float | None:
        """That of the inner store."""
        return self._inner.timeout_seconds

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """Tell whether the token, its session or its subject is revoked, by this issuer's records."""
        return await self._inner.is_revoked(
            jti=jti and self._own(jti),
            sid=sid and self._own(sid),
            sub=sub and self._own(sub),
            issued_at=issued_at,
            now=now,
        )

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """Keep a record under the prefix."""
        own = replace(revocation, identity=self._own(revocation.identity))
        await self._inner.revoke(own, now=now)

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """Use a refresh token of this issuer up."""
        own = replace(
            consumption,
            jti=self._own(consumption.jti),
            successor=self._own(consumption.successor),
        )
        return await self._inner.consume(own, now=now)

    async def raise_retention(self, seconds: float) -> float:
        """Raise the retention of the inner store, which all who share it have in common."""
        return await self._inner.raise_retention(seconds)

    async def purge(self, *, now: float) -> int:
        """Forget what is over, of all who share the inner store."""
        return await self._inner.purge(now=now)

    async def aclose(self) -> None:
        """Do nothing: the inner store is closed by whoever opened it, because others use it too."""

    async def __aenter__(self) -> Self:
        """Give the store itself; the inner one is not opened."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close nothing."""

    def _own(self, identity: str) -> str:
        return self._prefix + identity
