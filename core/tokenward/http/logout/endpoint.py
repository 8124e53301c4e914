"""The endpoint for OpenID Connect Back-Channel Logout 1.0."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, Literal

from tokenward._arguments import check_callable, checked_names, kind_of, refuse
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import (
    InvalidClaimError,
    KeysUnavailableError,
    StoreUnavailableError,
    TokenError,
)
from tokenward.hooks import maybe_await
from tokenward.http.logout.event_tokens import EventTokenChecker
from tokenward.http.logout.replays import EventUses
from tokenward.http.logout.rules import LogoutRules
from tokenward.http.logout.session_ending import SessionEnding, checked_provider
from tokenward.http.logout.tokens import LogoutToken, logout_in, rules_of_logout
from tokenward.http.refusal import Refusal
from tokenward.http.request import RequestView
from tokenward.http.token_endpoint import TokenResponse
from tokenward.jose.key_source import KeySource
from tokenward.tokens.provider_login import ProviderLogin

__all__ = ["LogoutEndpoint"]

_NO_TOKEN: Final = {
    "error": "invalid_request",
    "error_description": "Send one logout_token in a form (application/x-www-form-urlencoded) with "
    "Content-Length.",
}


class LogoutEndpoint:
    """Ends sessions when the identity provider says that it ended its own (§2.5 to §2.8).

    For a service that issues its own tokens after a login at the provider::

        keys = RemoteKeySet.from_issuer("https://login.example/", algorithms=["RS256"])
        logout = LogoutEndpoint(
            engine, keys=keys, issuer="https://login.example/", client_id="shop-web"
        )
        auth.add_endpoint(app, "/backchannel-logout", logout)

    For an API that accepts the access tokens of the provider, pass the engine that verifies them::

        LogoutEndpoint(login_engine, client_id="shop-web")
    """

    def __init__(
        self,
        engine: TokenEngine[Any],
        *,
        client_id: str | Collection[str],
        keys: KeySource | None = None,
        issuer: str | None = None,
        rules: LogoutRules = LogoutRules(),  # noqa: B008 - frozen
        ends: Literal["session", "subject"] | None = None,
        on_logout: Callable[[LogoutToken], Awaitable[None] | None] | None = None,
    ) -> None:
        """Connect the engine whose tokens a logout denies. It needs a store.

        Args:
            engine: an engine that issues tokens: its sessions that began with
                ``issue_pair(..., provider_login=ProviderLogin(...))`` end. Or an engine that verifies the
                tokens of the provider: they are denied by their ``sid`` and ``sub``.
            client_id: the id of this client at the provider, which ``aud`` must name; several for
                several clients.
            keys: the keys of the provider, for an engine that issues tokens, and for one of opaque
                tokens. Another engine that only verifies has them.
            issuer: the ``iss`` of the provider, as for `keys`.
            rules: further rules for logout tokens.
            ends: what a logout token with ``sid`` and ``sub`` ends: that ``"session"``, or all
                sessions of the ``"subject"`` up to now. None: the session for an engine that issues
                tokens; the subject for an engine that only verifies, because many access tokens
                have no ``sid``. The other sessions of the user then get new tokens from the provider.
            on_logout: called with each valid logout token after the sessions have ended, plain or
                async, for what you keep yourself. If it raises a `TokenError`, the provider is told
                that the logout failed. It may be called again for the same logout.

        Raises:
            ConfigurationError: the engine has no store, or an argument is invalid.
        """
        self._sessions = SessionEnding(engine, ends)
        if not isinstance(rules, LogoutRules):
            refuse(f"rules must be LogoutRules, not {kind_of(rules)}: pass LogoutRules(...).")
        if on_logout is not None:
            check_callable(on_logout, "on_logout", "async def on_logout(logout): ...", takes=1)
        provider = _provider_of(engine, keys, issuer)
        audiences = checked_names(client_id, "client_id")
        self._engine = engine
        self._tokens = EventTokenChecker(*provider, audiences, rules_of_logout(rules))
        self._uses = EventUses(engine, self._sessions.store, "logout-token")
        self._on_logout = on_logout

    async def respond(self, request: RequestView) -> TokenResponse:
        """Return the response to a POST request with a form.

        The form (``application/x-www-form-urlencoded``, at most 256 KiB, with ``Content-Length``)
        has one ``logout_token``. Other fields are ignored (§2.5). The status is 200, 400 for an
        invalid token (§2.8), or 503 if the store or the keys of the provider do not answer.

        Args:
            request: a view with a body.

        Raises:
            Exception: `on_logout` raised something else than a `TokenError`.

        Not checked: who sends the request; the signature of the token says who issued it.
        """
        found = await request.form_values(b"logout_token")
        if len(found) != 1 or not found[0]:
            return TokenResponse.render(400, _NO_TOKEN)
        try:
            await self._log_out(found[0])
        except TokenError as error:
            await self._engine.report_refusal(error)
            return _refused(error)
        return TokenResponse.render(200, {})

    async def _log_out(self, token: bytes) -> None:
        now = self._engine.now()
        event = await self._tokens.check(token, now)
        logout = logout_in(event)
        if not await self._uses.begin(event, now):
            raise InvalidClaimError(claim="jti")

        await self._sessions.end(
            ProviderLogin(issuer=logout.issuer, subject=logout.subject, session=logout.session)
        )
        if self._on_logout is not None:
            await maybe_await(self._on_logout(logout))
        await self._uses.finish(event, now)


def _provider_of(
    engine: TokenEngine[Any], keys: KeySource | None, issuer: str | None
) -> tuple[KeySource, frozenset[str]]:
    """Return the keys and the issuers of the provider.

    Raises:
        ConfigurationError: they are missing, or given twice.
    """
    if not engine.keys.can_sign and not engine.is_opaque:
        if keys is not None or issuer is not None:
            refuse(
                "Leave out keys and issuer: an engine that only verifies has those of the provider."
            )
        if not engine.policy.issuers:
            refuse("The policy of the engine needs an issuer: TokenPolicy(issuer=...).")
        return engine.keys, engine.policy.issuers
    checked_keys, checked_issuer = checked_provider(engine, keys, issuer)
    if engine.is_opaque and checked_issuer not in engine.policy.issuers:
        refuse("issuer must be that of the policy of the engine, whose tokens a logout denies.")
    return checked_keys, frozenset({checked_issuer})


def _refused(error: TokenError) -> TokenResponse:
    refusal = Refusal.from_error(error)
    is_outage = isinstance(error, StoreUnavailableError | KeysUnavailableError)
    members = {
        "error": "temporarily_unavailable" if is_outage else "invalid_request",
        "error_description": refusal.detail,
        "code": refusal.code,
    }
    if is_outage:
        return TokenResponse.render(refusal.status, members, refusal.headers)
    return TokenResponse.render(400, members)
