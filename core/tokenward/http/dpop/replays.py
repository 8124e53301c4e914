"""Refuses a proof that was used before, in any process that shares the store (RFC 9449 §11.1)."""

import asyncio
import logging
from typing import Final

from tokenward.errors import ConfigurationError, DpopProofError, StoreUnavailableError
from tokenward.http.key_binding import CheckedProof
from tokenward.sessions.outages import OutageLog
from tokenward.stores.identities import prefix_of
from tokenward.stores.outages import cause_of
from tokenward.stores.protocol import Consumption, RevocationStore

__all__ = ["ReplayCheck"]

_logger: Final = logging.getLogger("tokenward")
# As a `PrefixedStore` would name it, so that no session of an engine has this name.
_PREFIX: Final = prefix_of("dpop-proof")
# A proof is recorded as a session of which the first token was used, and the next one never comes.
_FIRST: Final = "+"
_NEXT: Final = "-"


class ReplayCheck:
    """Consumes proofs: each can be used once."""

    def __init__(self, store: RevocationStore, *, accepts_outage: bool) -> None:
        """Take the store that all instances of the service share.

        Args:
            store: remembers the proofs.
            accepts_outage: whether proofs are accepted while the store fails.
        """
        self._store = store
        self._timeout = store.timeout_seconds
        self._accepts_outage = accepts_outage
        self._outages = OutageLog()

    async def consume(self, proof: CheckedProof, keep_until: float, now: float) -> None:
        """Record a proof. Call it after all other checks.

        Args:
            proof: the proof.
            keep_until: the time from which the proof is refused for its age.
            now: the time, in seconds since 1970.

        Raises:
            DpopProofError: the proof was used before.
            StoreUnavailableError: the store failed, and an outage is not accepted.
            ConfigurationError: the store cannot be used in this process or event loop.
        """
        # Thumbprints have one length, and proofs a limit for the `jti`.
        consumption = Consumption(
            f"{_PREFIX}{proof.thumbprint}{proof.jti}",
            _FIRST,
            successor=_NEXT,
            sealed=b"",
            grace_until=0.0,
            keep_until=keep_until,
        )
        try:
            call = self._store.consume(consumption, now=now)
            if self._timeout is None:
                consumed = await call
            else:
                async with asyncio.timeout(self._timeout):
                    consumed = await call
        except ConfigurationError:
            raise
        except Exception as exc:
            if not self._accepts_outage:
                self._outages.tell(exc, now)
                raise StoreUnavailableError from exc
            _logger.warning(
                "The store of used DPoP proofs failed (%s); replay_outage accepts that.",
                cause_of(exc),
            )
            return
        if consumed.is_first is not True:
            raise DpopProofError(check="jti")
