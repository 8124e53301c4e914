"""Each logout token or security event token ends sessions once, in any process that shares the store."""

import hashlib
import json
from typing import Any, Final

from tokenward.engine.token_engine import TokenEngine
from tokenward.hooks import RegisteredHooks
from tokenward.http.logout.event_tokens import EventToken
from tokenward.sessions.revocation import RevocationChecker
from tokenward.stores.prefixed import PrefixedStore
from tokenward.stores.protocol import Consumption, RevocationStore

__all__ = ["EventUses"]

# An event is recorded as a session whose first token is used when it begins, and whose second
# token is used when the sessions have ended. An event that failed in between can be repeated.
_BEGUN: Final = "+"
_FINISHED: Final = "-"
_NEVER: Final = "."


class EventUses:
    """Remembers the ``jti`` of tokens of one kind (Back-Channel Logout §2.6, step 8; RFC 8417 §2.2)."""

    def __init__(self, engine: TokenEngine[Any], store: RevocationStore, kind: str) -> None:
        """Keep the records in the store of an engine, where its own identities cannot reach them.

        Args:
            engine: the engine.
            store: its store.
            kind: the name of the kind of tokens.
        """
        own = PrefixedStore(store, kind)
        self._store: RevocationChecker[Any] = RevocationChecker(
            own, engine.keys, engine.policy, RegisteredHooks()
        )

    async def begin(self, event: EventToken, now: float) -> bool:
        """Return whether the sessions of a token may not have ended yet.

        Raises:
            StoreUnavailableError: the store failed.
            ConfigurationError: the store cannot be used in this process or event loop.
        """
        until = event.refused_from
        use = Consumption(
            _name_of(event),
            _BEGUN,
            successor=_FINISHED,
            sealed=b"1",
            grace_until=until,
            keep_until=until,
        )
        consumed = await self._store.consume(use, now)
        # The store returns `sealed` until the successor has been consumed.
        return consumed.is_first is True or consumed.sealed == b"1"

    async def finish(self, event: EventToken, now: float) -> None:
        """Refuse the token from now on.

        Raises:
            StoreUnavailableError, ConfigurationError: see `begin`.
        """
        use = Consumption(
            _name_of(event),
            _FINISHED,
            successor=_NEVER,
            sealed=b"",
            grace_until=0.0,
            keep_until=event.refused_from,
        )
        await self._store.consume(use, now)


def _name_of(event: EventToken) -> str:
    # JSON keeps both apart; a digest has one length, whatever the provider sends.
    parts = json.dumps([event.issuer, event.jti]).encode()
    return hashlib.sha256(parts).hexdigest()
