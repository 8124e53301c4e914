"""Nonces that a server demands in proofs, without remembering them (RFC 9449 §8 and §9)."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from tokenward._arguments import as_bytes, kind_of
from tokenward.errors import ConfigurationError
from tokenward.jose.codec import b64url_encode

__all__ = ["DpopNonces"]

_MIN_SECRET_BYTES: Final = 32
_FIVE_MINUTES: Final = timedelta(minutes=5)
_LABEL: Final = b"tokenward dpop nonce "


class DpopNonces:
    """Makes and recognises nonces. All instances with the same secret know the same nonces.

    A nonce is the HMAC of the current interval, so nothing is stored. It is valid in its interval and
    in the next one.
    """

    def __init__(
        self, secret: str | bytes, *former: str | bytes, interval: timedelta = _FIVE_MINUTES
    ) -> None:
        """Take the secret that makes nonces.

        Args:
            secret: at least 32 bytes, the same in all instances of the service, and not the secret
                of a `Key`.
            former: secrets that were replaced. Their nonces are still valid.
            interval: how often the nonce changes. A nonce is valid for up to twice as long.

        Raises:
            ConfigurationError: a secret is too short, or `interval` is not at least one second.
        """
        secrets = [as_bytes(each, "secret of DpopNonces") for each in (secret, *former)]
        if any(len(each) < _MIN_SECRET_BYTES for each in secrets):
            msg = f"The secret of DpopNonces must have at least {_MIN_SECRET_BYTES} bytes."
            raise ConfigurationError(msg)
        if not isinstance(interval, timedelta) or interval < timedelta(seconds=1):
            msg = f"interval must be a timedelta of at least one second, not {kind_of(interval)}."
            raise ConfigurationError(msg)
        self._secrets: Sequence[bytes] = secrets
        self._seconds = interval.total_seconds()
        self._known: tuple[int, tuple[bytes, ...]] = (-1, ())

    def current(self, now: float) -> str:
        """Return the nonce for new proofs.

        Args:
            now: the time, in seconds since 1970.
        """
        return self._valid(now)[0].decode()

    def accepts(self, nonce: str, now: float) -> bool:
        """Whether a nonce was made in the current interval or in the one before.

        Args:
            nonce: the nonce of a proof.
            now: the time, in seconds since 1970.
        """
        given = nonce.encode("utf-8", "surrogatepass")
        # All are compared, each in constant time.
        return sum(hmac.compare_digest(each, given) for each in self._valid(now)) > 0

    def _valid(self, now: float) -> tuple[bytes, ...]:
        """Return the valid nonces, the current one first."""
        interval = int(now // self._seconds)
        known, nonces = self._known
        if known != interval:
            nonces = tuple(
                self._make(secret, each)
                for secret in self._secrets
                for each in (interval, interval - 1)
            )
            self._known = (interval, nonces)
        return nonces

    def _make(self, secret: bytes, interval: int) -> bytes:
        digest = hmac.digest(secret, _LABEL + str(interval).encode(), hashlib.sha256)
        return b64url_encode(digest[:16]).encode()
