"""How long the record of a revocation or of a use is kept; see `RevocationStore.raise_retention`."""

import math
from typing import Final

from tokenward.claims.model import Claims
from tokenward.policy import LONGEST_LEEWAY, TokenPolicy
from tokenward.stores.protocol import RevocationStore

__all__ = ["Retention", "end_of_life"]

# Twice the leeway: the clock of the machine that issued a token may have been ahead, and that of
# the machine that checks it behind.
_LEEWAY_SECONDS: Final = 2 * LONGEST_LEEWAY.total_seconds()
_REGISTERED_FOR_MS: Final = 60_000


def end_of_life(claims: Claims) -> float:
    """Return when a token has expired under every policy; ``math.inf`` if it never expires.

    The maximum age of one policy does not count: another engine with the same store may allow more.
    """
    return math.inf if claims.exp is None else claims.exp + _LEEWAY_SECONDS


class Retention:
    """The longest lifetime of a token that one engine knows: its own policy's and its store's."""

    __slots__ = (
        "_known", "_longest_life", "_registered_from_ms", "_registered_until_ms", "_sets_max_age",
    )  # fmt: skip

    def __init__(self, policy: TokenPolicy, *, has_store: bool) -> None:
        """Start without knowledge of the store.

        Args:
            policy: the policy of the engine.
            has_store: whether the engine has a store; without one nothing is registered.
        """
        bound = policy.age_bound
        self._longest_life = math.inf if bound is None else bound.total_seconds() + _LEEWAY_SECONDS
        self._sets_max_age = policy.max_token_age is not None
        self._known = 0.0
        self._registered_from_ms = math.inf if has_store else -math.inf
        self._registered_until_ms = math.inf

    def is_due(self, now_ms: int) -> bool:
        """Whether `register` must be called before the next token is issued; also if time went back."""
        return not self._registered_from_ms <= now_ms < self._registered_until_ms

    async def register(self, store: RevocationStore, now_ms: int) -> None:
        """Raise the retention of the store to the longest lifetime of the engine's own tokens.

        This is repeated once a minute, because the store may have lost its data.

        Raises:
            Exception: whatever the store raised.
        """
        earlier = self._registered_from_ms, self._registered_until_ms
        if earlier[0] < math.inf:
            # This is a repetition: one caller waits for the store, and the others do not.
            self._set_registered(now_ms)

        try:
            await self.raise_and_read(store, is_issuer=True)
        except BaseException:
            self._registered_from_ms, self._registered_until_ms = earlier
            raise

        self._set_registered(now_ms)

    async def ensure_known(self, store: RevocationStore, *, is_issuer: bool) -> None:
        """Make sure that a retention is known: this engine's, or else the store's.

        Args:
            store: the store of the engine.
            is_issuer: whether the engine can issue tokens.

        Raises:
            Exception: whatever the store raised.
        """
        self._known = max(self._known, self._own(is_issuer=is_issuer))
        if not self._known:
            await self.raise_and_read(store, is_issuer=is_issuer)

    async def raise_and_read(self, store: RevocationStore, *, is_issuer: bool) -> None:
        """Raise the retention of the store to this engine's, and read the result.

        An engine that cannot issue and has no `TokenPolicy.max_token_age` only reads it.

        Args:
            store: the store of the engine.
            is_issuer: whether the engine can issue tokens.

        Raises:
            Exception: whatever the store raised.
        """
        own = self._own(is_issuer=is_issuer)
        self._known = max(self._known, own, await store.raise_retention(own))

    def keep_until(self, now: float, claims: Claims | None) -> float:
        """Return when all tokens that a session or a subject may have now have expired.

        Args:
            now: the time.
            claims: the claims of one of the tokens, if known.

        Returns:
            The time; ``math.inf`` if no engine has registered how long its tokens live.
        """
        end = now + (self._known or math.inf)
        return end if claims is None else max(end, end_of_life(claims))

    def _own(self, *, is_issuer: bool) -> float:
        return self._longest_life if is_issuer or self._sets_max_age else 0.0

    def _set_registered(self, now_ms: int) -> None:
        self._registered_from_ms = now_ms
        self._registered_until_ms = now_ms + _REGISTERED_FOR_MS
