"""How long the record of a revocation or of a use is kept (see `RevocationStore.raise_retention`)."""

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

    Not by the age that one policy allows: another engine that shares the store may allow more.
    """
    return math.inf if claims.exp is None else claims.exp + _LEEWAY_SECONDS


class Retention:
    """The longest life of a token that is known to one engine: its own, and what its store says."""

    __slots__ = (
        "_known", "_longest_life", "_names_bound", "_registered_from_ms",
        "_registered_until_ms",
    )  # fmt: skip

    def __init__(self, policy: TokenPolicy, *, has_store: bool) -> None:
        """Take the policy that bounds the tokens of the engine."""
        bound = policy.age_bound
        self._longest_life = math.inf if bound is None else bound.total_seconds() + _LEEWAY_SECONDS
        self._names_bound = policy.max_token_age is not None
        self._known = 0.0
        self._registered_from_ms = math.inf if has_store else -math.inf
        self._registered_until_ms = math.inf

    def is_due(self, now_ms: int) -> bool:
        """Whether `register` has to be called before a token is issued; also after a step back."""
        return not self._registered_from_ms <= now_ms < self._registered_until_ms

    async def register(self, store: RevocationStore, now_ms: int) -> None:
        """Raise the retention of the store to the longest life of the engine's own tokens.

        It is repeated once a minute, in case that the store has lost its data.

        Raises:
            Exception: whatever the store raised.
        """
        earlier = self._registered_from_ms, self._registered_until_ms
        if earlier[0] < math.inf:
            # It is known already: one caller repeats it, and the others need not wait.
            self._set_registered(now_ms)
        try:
            await self.ask(store, is_issuer=True)
        except BaseException:
            self._registered_from_ms, self._registered_until_ms = earlier
            raise
        self._set_registered(now_ms)

    async def prepare(self, store: RevocationStore, *, is_issuer: bool) -> None:
        """Have a retention at hand: that of this engine, or else that of the store.

        Raises:
            Exception: whatever the store raised.
        """
        self._known = max(self._known, self._own(is_issuer=is_issuer))
        if not self._known:
            await self.ask(store, is_issuer=is_issuer)

    async def ask(self, store: RevocationStore, *, is_issuer: bool) -> None:
        """Raise the retention of the store to that of this engine, and learn what it is now.

        An engine that issues nothing and names no `TokenPolicy.max_token_age` only reads it.

        Raises:
            Exception: whatever the store raised.
        """
        own = self._own(is_issuer=is_issuer)
        self._known = max(self._known, own, await store.raise_retention(own))

    def keep_until(self, now: float, claims: Claims | None) -> float:
        """Return when all tokens have expired that a session or a subject may have now.

        Args:
            now: the time.
            claims: those of one of the tokens, if there are any.

        Returns:
            ``math.inf`` where no engine has said how long its tokens live.
        """
        end = now + (self._known or math.inf)
        return end if claims is None else max(end, end_of_life(claims))

    def _own(self, *, is_issuer: bool) -> float:
        return self._longest_life if is_issuer or self._names_bound else 0.0

    def _set_registered(self, now_ms: int) -> None:
        self._registered_from_ms = now_ms
        self._registered_until_ms = now_ms + _REGISTERED_FOR_MS
