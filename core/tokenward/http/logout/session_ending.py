"""Ends the sessions of a login at the provider, and checks the arguments that this needs."""

from typing import Any, Literal

from tokenward._arguments import kind_of, refuse
from tokenward.engine.token_engine import TokenEngine
from tokenward.jose.key_source import KeySource
from tokenward.stores.protocol import RevocationStore
from tokenward.tokens.provider_login import ProviderLogin

__all__ = ["SessionEnding", "checked_provider"]


class SessionEnding:
    """Ends sessions of an engine that issues tokens, or denies the tokens that an engine verifies."""

    def __init__(
        self, engine: TokenEngine[Any], ends: Literal["session", "subject"] | None
    ) -> None:
        """Take the engine, and what a login with a session and a subject ends.

        Raises:
            ConfigurationError: the engine has no store, or an argument is invalid.
        """
        if not isinstance(engine, TokenEngine):
            refuse(f"engine must be a TokenEngine, not {kind_of(engine)}.")
        if engine.store is None:
            refuse("The engine needs a store to end sessions: TokenEngine(..., store=...).")
        if ends not in ("session", "subject", None):
            refuse("ends must be 'session', 'subject' or None.")
        self._engine = engine
        self.store: RevocationStore = engine.store
        self._issues = engine.keys.can_sign
        self._ends = ends or ("session" if self._issues else "subject")

    async def end(self, login: ProviderLogin) -> None:
        """End the sessions of a login.

        Raises:
            StoreUnavailableError: the store failed; some sessions may have ended.
        """
        if self._issues:
            await self._end_sessions(login)
        else:
            await self._deny_tokens(login)

    async def _end_sessions(self, login: ProviderLogin) -> None:
        """End the sessions that began with a login at the provider."""
        await self._engine.revoke_provider_login(login)
        if self._ends == "subject" and login.subject is not None and login.session is not None:
            every = ProviderLogin(issuer=login.issuer, subject=login.subject)
            await self._engine.revoke_provider_login(every)

    async def _deny_tokens(self, login: ProviderLogin) -> None:
        """Deny the tokens of the provider itself."""
        if login.session is not None:
            await self._engine.revoke_session(login.session)
        if login.subject is not None and (self._ends == "subject" or login.session is None):
            await self._engine.revoke_subject(login.subject)


def checked_provider(
    engine: TokenEngine[Any], keys: object, issuer: object
) -> tuple[KeySource, str]:
    """Return the keys and the issuer of a provider.

    Raises:
        ConfigurationError: they are something else; the message names the argument.
    """
    if isinstance(keys, type) or not isinstance(keys, KeySource):
        refuse(
            f"keys must be the keys of the provider, not {kind_of(keys)}: "
            "pass RemoteKeySet.from_issuer(issuer)."
        )
    if not isinstance(issuer, str) or not issuer:
        refuse("issuer must be the iss of the provider, as in issuer='https://login.example/'.")
    if (engine.keys.can_sign or engine.is_opaque) and keys is engine.keys:
        refuse("keys must be the keys of the provider, not those of the engine itself.")
    return keys, issuer
