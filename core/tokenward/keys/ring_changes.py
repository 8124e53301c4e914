"""The methods that change a key ring."""

from datetime import timedelta
from threading import Lock

from tokenward.errors import ConfigurationError
from tokenward.jose.key import Key
from tokenward.jose.key_source import Signer
from tokenward.keys.ring_arguments import key_and_signer
from tokenward.keys.ring_state import RingState

__all__ = ["ChangingMethods"]


class ChangingMethods:
    """The methods of `KeyRing` that change it; its constructor sets the attributes."""

    __slots__ = ("_lock", "_state", "due_at", "version")

    version: int
    due_at: float
    _lock: Lock
    _state: RingState

    def publish(self, key: Key) -> None:
        """Add a pending key: its tokens are accepted, and its public half is in `public_jwks`.

        Do this some time before `rotate`, so that verifiers which cache the key set know the key.

        Raises:
            ConfigurationError: the ring has a key of this id.
        """
        with self._lock:
            self._install(self._state.with_pending(key))

    def rotate(
        self, new_key: Key | Signer, *, verify_for: timedelta | None, now: float | None = None
    ) -> None:
        """Sign with another key from now on; the old key only verifies.

        Args:
            new_key: a new key, or a pending or verify-only key of the ring.
            verify_for: how long the old key verifies: at least the lifetime of its tokens. Zero: it
                is removed at once. None: until it is retired.
            now: seconds since 1970; None: the time at which an engine next uses the ring.

        Raises:
            ConfigurationError: the key is the active one or has the id of another key, or
                `verify_for` is negative.
        """
        if verify_for is not None and verify_for < timedelta(0):
            msg = "verify_for must not be negative."
            raise ConfigurationError(msg)

        key, signer = key_and_signer(new_key)
        seconds = None if verify_for is None else verify_for.total_seconds()
        with self._lock:
            self._install(self._state.rotated(key, signer, verify_seconds=seconds, now=now))

    def retire(self, kid: str) -> None:
        """Remove a key: the tokens that it signed are refused from now on.

        Raises:
            ConfigurationError: the ring has no such key, or it is the active key.
        """
        with self._lock:
            self._install(self._state.without(kid))

    def drop_expired(self, now: float) -> None:
        """Remove expired keys. Engines call this through `prepare` when `due_at` has come."""
        with self._lock:
            self._install(self._state.without_expired(now))

    def _install(self, state: RingState) -> None:
        """Replace the state as a whole. The caller holds the lock."""
        self._state = state
        self.due_at = state.due_at
        # Last: a reader that sees the new version sees the new keys.
        self.version += 1
