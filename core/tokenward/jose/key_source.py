"""Where keys come from: the protocols of a ring, a remote key set and an external signer."""

from typing import Protocol, runtime_checkable

from tokenward.jose.key import Key

__all__ = ["Closable", "KeySource", "Signer"]


@runtime_checkable
class Signer(Protocol):
    """Signs outside of this process: in a key management service or an HSM."""

    @property
    def key(self) -> Key:
        """The public key, bound to its algorithm; it verifies each signature before its use."""
        ...

    async def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, encoded as in RFC 7518 §3 (ECDSA: r and s, not DER)."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A source of keys that has something to close, such as a fetch in progress."""

    async def aclose(self) -> None:
        """Close it; closing it twice is harmless."""
        ...


@runtime_checkable
class KeySource(Protocol):
    """The keys of an engine: its own (`KeyRing`) or those of another issuer (`RemoteKeySet`).

    Threads and engines may share a source. `version` must change after the keys that `find` returns
    have changed, never before. An engine reads the version first and the keys second, so it never
    remembers a removed key under the new version.
    """

    @property
    def version(self) -> int:
        """A number that grows whenever a key was removed or replaced."""
        ...

    @property
    def can_sign(self) -> bool:
        """Whether `signing_key` returns a key that signs."""
        ...

    @property
    def due_at(self) -> float:
        """The time from which `prepare` must be called before a use, in seconds since 1970.

        ``-math.inf``: before each use; ``math.inf``: never.
        """
        ...

    async def prepare(self, now: float) -> None:
        """Bring the keys up to date: remove expired keys, or fetch keys that are due.

        Args:
            now: the engine's time, in seconds since 1970.

        Raises:
            KeysUnavailableError: there are no keys that may be used.
        """
        ...

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Return the key that a token's header names; see `KeyRing.find`."""
        ...

    async def fetch_for(self, kid: str | None, now: float) -> bool:
        """Look elsewhere for a key that `find` did not know; return whether to try `find` again.

        Args:
            kid: the key id of an unverified header.
            now: the engine's time, in seconds since 1970.
        """
        ...

    def signing_key(self) -> Key | Signer:
        """Return what signs new tokens.

        Raises:
            SigningKeyError: these keys only verify.
        """
        ...
