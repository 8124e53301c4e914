"""The endpoint to which an identity provider pushes security events (RFC 8935)."""

from collections.abc import Collection
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

from tokenward._arguments import checked_names, kind_of, refuse
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import (
    AlgorithmMismatchError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidSignatureError,
    KeysUnavailableError,
    StoreUnavailableError,
    TokenError,
    UnknownKeyError,
)
from tokenward.http.logout.event_tokens import EventTokenChecker
from tokenward.http.logout.replays import EventUses
from tokenward.http.logout.rules import SecurityEventRules
from tokenward.http.logout.session_ending import SessionEnding, checked_provider
from tokenward.http.logout.session_events import SessionEvents, rules_of_events
from tokenward.http.refusal import Refusal
from tokenward.http.request import RequestView
from tokenward.http.token_endpoint import TokenResponse
from tokenward.jose.key_source import KeySource

__all__ = ["SecurityEventEndpoint"]

_TYPE: Final = b"application/secevent+jwt"
_SHORTEST_SECRET: Final = 16
_NO_TOKEN: Final = (
    "Send one security event token as the body (application/secevent+jwt) with Content-Length."  # noqa: S105
)
_UNKNOWN_TRANSMITTER: Final = "The Authorization header is not that of the transmitter."
# RFC 8935 §2.4; every other error of a token is an invalid_request.
_ERRORS: Final[dict[type[TokenError], str]] = {
    UnknownKeyError: "invalid_key",
    AlgorithmMismatchError: "invalid_key",
    InvalidSignatureError: "invalid_key",
    InvalidIssuerError: "invalid_issuer",
    InvalidAudienceError: "invalid_audience",
}


class SecurityEventEndpoint:
    """Ends sessions when a provider pushes the event ``session-revoked`` of OpenID CAEP 1.0 (§3.1).

    ::

        events = SecurityEventEndpoint(
            engine,
            keys=RemoteKeySet("https://login.example/jwks", algorithms=["RS256"]),
            issuer="https://login.example/",
            audience="https://shop.example/events",
            authorization=os.environ["EVENTS_AUTHORIZATION"],
        )
        auth.add_endpoint(app, "/events", events)

    Every other event is acknowledged without an effect.
    """

    def __init__(
        self,
        engine: TokenEngine[Any],
        *,
        keys: KeySource,
        issuer: str,
        audience: str | Collection[str],
        authorization: str | Collection[str] | None = None,
        rules: SecurityEventRules = SecurityEventRules(),  # noqa: B008 - frozen
    ) -> None:
        """Connect the engine whose sessions an event ends. It needs a store.

        Args:
            engine: an engine that issues tokens, or one that verifies those of the provider, as for
                `LogoutEndpoint`.
            keys: the keys with which the provider signs events (``jwks_uri`` of its SSF configuration).
            issuer: the ``iss`` of the events.
            audience: the name of this service in the stream, which ``aud`` must contain; several for
                several streams.
            authorization: the whole value of the ``Authorization`` header that the provider must send
                (``authorization_header`` of the stream, SSF 1.0 §6.1.1), at least 16 characters;
                several, to replace one by another. None: the header is not read.
            rules: further rules for the events.

        Raises:
            ConfigurationError: the engine has no store, or an argument is invalid.
        """
        if not isinstance(rules, SecurityEventRules):
            refuse(
                f"rules must be SecurityEventRules, not {kind_of(rules)}: "
                "pass SecurityEventRules(...)."
            )
        self._sessions = SessionEnding(engine, "subject" if rules.session_ids is None else None)
        checked_keys, checked_issuer = checked_provider(engine, keys, issuer)
        login_issuer = rules.login_issuer or checked_issuer
        if not engine.keys.can_sign and login_issuer not in engine.policy.issuers:
            refuse(
                "The engine verifies tokens of another issuer: pass "
                "SecurityEventRules(login_issuer=...) with an issuer of its policy."
            )
        self._engine = engine
        self._secrets = _digests_of(authorization)
        self._tokens = EventTokenChecker(
            checked_keys,
            frozenset({checked_issuer}),
            checked_names(audience, "audience"),
            rules_of_events(rules),
        )
        self._events = SessionEvents(login_issuer, rules)
        self._uses = EventUses(engine, self._sessions.store, "security-event")

    async def respond(self, request: RequestView) -> TokenResponse:
        """Return the response to a POST request whose body is a security event token.

        The body (``application/secevent+jwt``, with ``Content-Length``) has at most 16 KiB. The status is
        202 with an empty body (RFC 8935 §2.2), 400 with ``err`` and ``description`` (§2.3), or 503 if the
        store or the keys of the provider do not answer.

        A token that was received before gets the response of the first time (§2), and has no effect.

        Args:
            request: a view with a body.

        Not checked: the ``state`` of a verification event (SSF 1.0 §8.1.4.1).
        """
        if not self._is_authorized(request):
            return _refused("authentication_failed", _UNKNOWN_TRANSMITTER)
        token = await request.body_of_type(_TYPE)
        if not token:
            return _refused("invalid_request", _NO_TOKEN)
        try:
            await self._receive(token)
        except (StoreUnavailableError, KeysUnavailableError) as error:
            await self._engine.report_refusal(error)
            refusal = Refusal.from_error(error)
            return TokenResponse.render(refusal.status, refusal.body, refusal.headers)
        except TokenError as error:
            await self._engine.report_refusal(error)
            return _refused(_ERRORS.get(type(error), "invalid_request"), str(error))
        return TokenResponse.render(202, None)

    async def _receive(self, token: bytes) -> None:
        now = self._engine.now()
        event = await self._tokens.check(token, now)
        login = self._events.revoked_in(event)
        if login is None or not await self._uses.begin(event, now):
            return
        await self._sessions.end(login)
        await self._uses.finish(event, now)

    def _is_authorized(self, request: RequestView) -> bool:
        if self._secrets is None:
            return True
        values = request.header_values(b"authorization")
        if len(values) != 1:
            return False
        digest = sha256(values[0]).digest()
        # Compared in full, so that the time says nothing about how much is right.
        matches = [compare_digest(digest, each) for each in self._secrets]
        return any(matches)


def _digests_of(authorization: str | Collection[str] | None) -> tuple[bytes, ...] | None:
    """Return the digests of the accepted headers; None: the header is not read.

    Raises:
        ConfigurationError: a value is short, or cannot be the value of a header.
    """
    if authorization is None:
        return None
    values = checked_names(authorization, "authorization")
    for value in values:
        is_sent_as_given = value.isascii() and value.isprintable() and value == value.strip()
        if len(value) < _SHORTEST_SECRET or not is_sent_as_given:
            refuse(
                "authorization must be the whole value of the header, of at least "
                f"{_SHORTEST_SECRET} characters of ASCII, as in 'Bearer ...'."
            )
    return tuple(sha256(value.encode()).digest() for value in values)


def _refused(error: str, description: str) -> TokenResponse:
    members = {"err": error, "description": description}
    # RFC 8935 §2.3: the response names the language of the description.
    return TokenResponse.render(400, members, {"Content-Language": "en"})
