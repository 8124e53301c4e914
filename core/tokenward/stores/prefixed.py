"""A store that is shared by several issuers, each of which sees only its own records."""

from dataclasses import replace
from typing import TYPE_CHECKING

from tokenward._arguments import check_methods
from tokenward.errors import ConfigurationError
from tokenward.stores.feed import check_at_source
from tokenward.stores.identities import prefix_of
from tokenward.stores.protocol import OF_STORES, Consumed, Consumption, Revocation, RevocationStore
from tokenward.stores.wrapper import StoreWrapper

if TYPE_CHECKING:
    from tokenward.stores.session_records import SessionRecords

__all__ = ["PrefixedStore"]


class PrefixedStore(StoreWrapper[RevocationStore]):
    """A `RevocationStore` that keeps its records in another store, under a prefix.

    ::

        store = RedisStore(url)
        TokenEngine(..., policy=TokenPolicy(issuer=ours), store=PrefixedStore(store, ours))
        TokenEngine(..., policy=TokenPolicy(issuer=theirs), store=PrefixedStore(store, theirs))

    A ``jti``, a ``sid`` or a ``sub`` is unique only within its issuer (RFC 7519 §4.1.7): "alice" of
    one issuer is not "alice" of another. Records without the prefix are not visible here, and an
    engine that uses the inner store directly can neither see nor write records with the prefix.
    """

    __slots__ = ("_prefix",)

    def __init__(self, inner: RevocationStore, prefix: str) -> None:
        """Use a shared store, and a prefix that is unique to these records, such as the issuer.

        Raises:
            ConfigurationError: the prefix is not text, or is empty; or `inner` is not a store.
        """
        check_methods(inner, OF_STORES, "inner", "PrefixedStore(MemoryStore(), issuer)")
        if not isinstance(prefix, str) or not prefix:
            msg = "prefix must be text that is not empty, such as the issuer."
            raise ConfigurationError(msg)
        super().__init__(inner)
        self._prefix = prefix_of(prefix)

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

    async def is_revoked_at_source(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """As `is_revoked`, but ask the shared store if the inner store is a mirror of it."""
        return await check_at_source(self._inner)(
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
            session=self._prefixed(consumption.session),
            jti=self._prefixed(consumption.jti),
            successor=self._prefixed(consumption.successor),
        )
        return await self._inner.consume(own, now=now)

    def session_records(self) -> "SessionRecords":
        """Return the sessions of the subjects of this issuer.

        Raises:
            ConfigurationError: the inner store keeps none.
        """
        from tokenward.stores.session_records import PrefixedRecords

        return PrefixedRecords(super().session_records(), self._prefix)

    async def ping(self) -> None:
        """Check that the inner store can be used."""
        await self._inner.ping()

    async def aclose(self) -> None:
        """Do nothing, because other stores share the inner store.

        `TokenEngine.running` closes the inner store; otherwise close it where you opened it.
        """

    def _prefixed(self, identity: str) -> str:
        return self._prefix + identity
