"""Keys that are not here: what signs elsewhere, and keys of somebody else."""

from typing import Protocol, runtime_checkable

from tokenward.jose.key import Key

__all__ = ["RemoteKeys", "Signer", "SigningKeys", "VerificationKeys"]


@runtime_checkable
class Signer(Protocol):
    """Signs elsewhere: in a key management service, in an HSM, in another process."""

    @property
    def key(self) -> Key:
        """The public key, bound to its algorithm; it checks every signature before it is used."""
        ...

    async def sign(self, message: bytes) -> bytes:
        """Give the signature of a message, as RFC 7518 §3 has it (for ECDSA r and s, not DER)."""
        ...


class VerificationKeys(Protocol):
    """Keys by which signatures are verified: those of a ring, or those of another issuer."""

    @property
    def version(self) -> int:
        """A number that grows whenever a key has been removed or replaced."""
        ...

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Return the key that a token's header names; see `KeyRing.find`."""
        ...


@runtime_checkable
class SigningKeys(Protocol):
    """Keys of which one signs; see `KeyRing`."""

    @property
    def active(self) -> Key:
        """The key that signs."""
        ...

    @property
    def signer(self) -> Signer | None:
        """What signs elsewhere for the active key; None if the key itself does."""
        ...


@runtime_checkable
class RemoteKeys(Protocol):
    """Keys that live elsewhere and may change there; see `tokenward.keys.remote.RemoteKeySet`."""

    @property
    def version(self) -> int:
        """A number that grows whenever a key that was there is gone or replaced."""
        ...

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Find a key in memory; see `KeyRing.find`."""
        ...

    async def refresh_if_due(self, now: float) -> None:
        """Have keys at hand; called before each decode.

        Raises:
            TokenError: there are none, and nobody can say which there should be.
        """
        ...

    async def fetch_for(self, kid: str | None, now: float) -> bool:
        """Look for a key that is not at hand; True where it is worth another try."""
        ...
