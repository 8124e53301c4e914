"""A store that is shared by several issuers, each of which sees only its own records."""

from dataclasses import replace
from typing import Self

from tokenward._arguments import check_methods
from tokenward.errors import ConfigurationError
from tokenward.stores.identities import prefix_of
from tokenward.stores.protocol import OF_STORES, Consumed, Consumption, Revocation, RevocationStore

__all__ = ["PrefixedStore"]


class PrefixedStore:
    """A `RevocationStore` that keeps its records in another store, under a prefix.

    ::

        store = RedisStore(url)
        TokenEngine(..., policy=TokenPolicy(issuer=ours), store=PrefixedStore(store, ours))
        TokenEngine(..., policy=TokenPolicy(issuer=theirs), store=PrefixedStore(store, theirs))

    A ``jti``, a ``sid`` or a ``sub`` is unique only within its issuer (RFC 7519 §4.1.7): "alice" of
    one issuer is not "alice" of another. Records without the prefix are not visible here, and an
    engine that uses the inner store directly can neither see nor write records with the prefix.
    """

    __slots__ = ("_inner", "_prefix")

    def __init__(self, inner: RevocationStore, prefix: str) -> None:
        """Use a shared store, and a prefix that is unique to these records, such as the issuer.

        Raises:
            ConfigurationError: the prefix is not text, or is empty; or `inner` is not a store.
        """
        check_methods(inner, OF_STORES, "inner", "PrefixedStore(MemoryStore(), issuer)")
        if not isinstance(prefix, str) or not prefix:
            msg = "prefix must be text that is not empty, such as the issuer."
            raise ConfigurationError(msg)
        self._inner = inner
        self._prefix = prefix_of(prefix)

    @property
    def timeout_seconds(self) -> float | None:
        """The timeout of the inner store."""
        return self._inner.timeout_seconds

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """Return whether the token, its session or its subject is revoked by this issuer."""
        return await self._inner.is_revoked(
            jti=jti and self._prefixed(jti),
            sid=sid and self._prefixed(sid),
            sub=sub and self._prefixed(sub),
            issued_at=issued_at,
            now=now,
        )

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """Store a record under the prefix."""
        own = replace(revocation, identity=self._prefixed(revocation.identity))
        await self._inner.revoke(own, now=now)

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """Consume a refresh token of this issuer."""
        own = replace(
            consumption,
            jti=self._prefixed(consumption.jti),
            successor=self._prefixed(consumption.successor),
        )
        return await self._inner.consume(own, now=now)

    async def raise_retention(self, seconds: float) -> float:
        """Raise the retention of the inner store, which is common to all issuers that share it."""
        return await self._inner.raise_retention(seconds)

    async def purge(self, *, now: float) -> int:
        """Remove the expired records of the inner store, of all issuers that share it."""
        return await self._inner.purge(now=now)

    async def aclose(self) -> None:
        """Do nothing: close the inner store where you opened it, because other stores share it."""

    async def __aenter__(self) -> Self:
        """Return the store itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Do nothing; see `aclose`."""

    def _prefixed(self, identity: str) -> str:
        return self._prefix + identity
