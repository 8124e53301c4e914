"""Shared by the tests of the signature cache: an engine with a counting key, and remote keys."""

import math

from tests.support import SECRET, CountingKey, FrozenClock, engine_with
from tokenward import Claims, Key, KeyRing, TokenEngine, TokenPolicy
from tokenward.errors import KeysUnavailableError, SigningKeyError


class TheirKeys:
    """The keys of another issuer, which can change or be unavailable."""

    def __init__(self, key: Key) -> None:
        """Start with one key."""
        self._ring = KeyRing(key)
        self.is_down = False
        self.due_at = -math.inf
        self.can_sign = False

    @property
    def version(self) -> int:
        """The number of changes."""
        return self._ring.version

    def publish(self, key: Key) -> None:
        """Replace the published key."""
        self._ring.replace(KeyRing(key))

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Find a key."""
        return self._ring.find(kid=kid, algorithm=algorithm)

    async def prepare(self, now: float) -> None:
        """Raise an error if the issuer is unavailable."""
        if self.is_down:
            raise KeysUnavailableError

    async def fetch_for(self, kid: str | None, now: float) -> bool:
        """Return False: there are no more keys to fetch."""
        return False

    def signing_key(self) -> Key:
        """Refuse to sign."""
        raise SigningKeyError


def counted(
    clock: FrozenClock, *, policy: TokenPolicy | None = None
) -> tuple[TokenEngine[Claims], CountingKey]:
    """Return an engine, and the counting key with which it verifies."""
    key = CountingKey.from_secret(SECRET)
    return engine_with(clock, keys=KeyRing(key), policy=policy), key
