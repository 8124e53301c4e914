"""What the tests of the signature cache share: an engine whose key counts, and remote keys."""

import math

from tests.support import SECRET, CountingKey, FrozenClock, engine_with
from tokenward import Claims, Key, KeyRing, TokenEngine, TokenPolicy
from tokenward.errors import KeysUnavailableError, SigningKeyError


class TheirKeys:
    """Keys of somebody else, who may change them, or not answer."""

    def __init__(self, key: Key) -> None:
        """Publish one key."""
        self._ring = KeyRing(key)
        self.is_down = False
        self.due_at = -math.inf
        self.can_sign = False

    @property
    def version(self) -> int:
        """Grow with every change."""
        return self._ring.version

    def publish(self, key: Key) -> None:
        """Publish another key in the place of the one before."""
        self._ring.replace(KeyRing(key))

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Find a key."""
        return self._ring.find(kid=kid, algorithm=algorithm)

    async def prepare(self, now: float) -> None:
        """Fail where they are down."""
        if self.is_down:
            raise KeysUnavailableError

    async def fetch_for(self, kid: str | None, now: float) -> bool:
        """Find nothing more."""
        return False

    def signing_key(self) -> Key:
        """Refuse to sign."""
        raise SigningKeyError


def counted(
    clock: FrozenClock, *, policy: TokenPolicy | None = None
) -> tuple[TokenEngine[Claims], CountingKey]:
    """Build an engine, and give the key by which it verifies."""
    key = CountingKey.from_secret(SECRET)
    return engine_with(clock, keys=KeyRing(key), policy=policy), key
