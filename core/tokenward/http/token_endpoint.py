"""The token endpoint of OAuth clients (RFC 6749): log in with a password, and refresh, by forms."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self, TypeAlias

from pydantic import JsonValue

from tokenward._arguments import check_callable, kind_of, refuse
from tokenward.claims.model import Claims
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import (
    DpopNonceRequiredError,
    DpopProofError,
    InsufficientScopeError,
    InvalidRequestError,
    TokenError,
)
from tokenward.hooks import maybe_await
from tokenward.http.arguments import check_key_checks
from tokenward.http.authenticated_user import AuthenticatedUser
from tokenward.http.key_binding import CertificateSource, DpopChecks, KeyProof, nonce_header
from tokenward.http.refusal import Refusal, quotable
from tokenward.http.request import RequestView
from tokenward.tokens.arguments import check_refresh_tokens
from tokenward.tokens.pair import TokenPair

__all__ = ["FormEndpoint", "TokenEndpoint", "TokenResponse"]

_MAX_BYTES: Final = 4_096
"""Of one parameter, except for the token, whose length the engine limits."""
# RFC 6749 appendix A: user names and passwords have no control characters, except for the tab.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f\ufffe\uffff]")
_OUTAGE: Final = 503
# The errors of RFC 6749 §5.2.
_INVALID_REQUEST: Final = "invalid_request"
_INVALID_GRANT: Final = "invalid_grant"
_INVALID_SCOPE: Final = "invalid_scope"
_UNSUPPORTED_GRANT_TYPE: Final = "unsupported_grant_type"
# The errors of RFC 9449 §5 and §8.
_INVALID_PROOF: Final = "invalid_dpop_proof"
_USE_NONCE: Final = "use_dpop_nonce"
# RFC 6749 §5.1 requires both; caches of today read only the first (RFC 9111 §5.4).
_NOT_CACHED: Final = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
}


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """The response of an endpoint: the same bytes in every framework."""

    status: int
    """200, 202 for a security event, 400 (RFC 6749 §5.2), 401 for an unknown caller, or 503 if the store
    does not answer."""
    headers: Mapping[str, str]
    """The type of the content, what forbids caching, for status 503 ``Retry-After``, and ``DPoP-Nonce``
    for a proof without the current nonce, and with new tokens for a client that sends proofs."""
    body: bytes
    """The members, as JSON (for a token endpoint, those of RFC 6749 §5.1 or §5.2), or nothing."""

    @classmethod
    def render(
        cls, status: int, members: Mapping[str, JsonValue] | None, headers: Mapping[str, str] = {}
    ) -> Self:
        """Return a response that is not cached.

        Args:
            status: its status.
            members: the members of the JSON object; None: the body is empty.
            headers: further headers.
        """
        body = b"" if members is None else json.dumps(members, separators=(",", ":")).encode()
        return cls(status, {**_NOT_CACHED, **headers}, body)


class FormEndpoint(Protocol):
    """Responds to POST requests: `TokenEndpoint`, those of `tokenward.http.endpoints` and `tokenward.http.logout`."""

    async def respond(self, request: RequestView) -> TokenResponse:
        """Return the response to a request; the view has a body."""
        ...


_Authenticate: TypeAlias = Callable[
    [str, str], Awaitable[AuthenticatedUser | None] | AuthenticatedUser | None
]


class TokenEndpoint:
    """Logs users in (RFC 6749 §4.3) and refreshes their sessions (§6), for OAuth clients.

    ::

        async def authenticate(username: str, password: str) -> AuthenticatedUser | None:
            user = await users.find(username)
            if user is None or not user.has_password(password):
                return None
            return AuthenticatedUser(user.id, scopes=user.scopes)

        auth.add_endpoint(app, "/token", TokenEndpoint(engine, authenticate))

    Use it for your own clients, which may see the password: a client of another party needs an
    authorization server (RFC 9700 §2.4).
    """

    def __init__(
        self,
        engine: TokenEngine[Any],
        authenticate: _Authenticate,
        *,
        dpop: DpopChecks | None = None,
        mtls: CertificateSource | None = None,
    ) -> None:
        """Connect an engine to your users.

        Args:
            engine: issues and refreshes the tokens.
            authenticate: returns the user of a name and a password, or None; sync or async. It may
                raise a `TokenError`, which the endpoint answers.
            dpop: verifies proofs: the tokens of a client that sends one are bound to its key (RFC
                9449 §5). None: proofs are ignored.
            mtls: finds the certificate of the client, to which its tokens are bound (RFC 8705 §3).
                None: certificates are ignored.

        Raises:
            ConfigurationError: the engine cannot issue or refresh pairs, or `authenticate` is not a
                function of two arguments.
        """
        if not isinstance(engine, TokenEngine):
            refuse(f"engine must be a TokenEngine, not {kind_of(engine)}.")
        check_refresh_tokens(engine.policy)
        if not engine.keys.can_sign:
            refuse("The engine needs a key that signs: pass an engine that issues tokens.")
        if engine.store is None:
            refuse("The engine needs a store to refresh sessions: TokenEngine(..., store=...).")
        check_callable(
            authenticate, "authenticate", "async def authenticate(username, password): ...", takes=2
        )
        check_key_checks(dpop=dpop, mtls=mtls)
        self._engine = engine
        self._authenticate = authenticate
        self._dpop = dpop
        self._mtls = mtls

    async def respond(self, request: RequestView) -> TokenResponse:
        """Return the response to a POST request with a form.

        The form (``application/x-www-form-urlencoded``, UTF-8, at most 256 KiB, with
        ``Content-Length``) has ``grant_type=password`` with ``username`` and ``password``, or
        ``grant_type=refresh_token`` with ``refresh_token``. ``scope`` is optional: a login gets the
        requested scopes that the user may have, and without it all of them; a refresh keeps the
        scopes of the session.

        Args:
            request: a view with a body.

        Raises:
            TypeError: `authenticate` returned something else than a user or None.

        Not checked: the client. ``client_id``, ``client_secret`` and HTTP Basic credentials are
        ignored, because a client that everyone can install has no secret (RFC 6749 §2.1). The
        number of attempts is not limited either. Cookies are not read, and none are set.
        """
        try:
            pair = await self._pair_of(request)
        except _RefusedGrantError as refused:
            return TokenResponse.render(400, refused.members)
        except TokenError as error:
            return _refused(error)
        header = nonce_header(request, self._dpop, self._engine.now())
        return TokenResponse.render(200, {**pair.json_body()}, header)

    async def _pair_of(self, request: RequestView) -> TokenPair:
        grant_type = await _parameter(request, "grant_type")
        requested = (await _optional_parameter(request, "scope")).split()
        if grant_type == "password":
            username = await _parameter(request, "username")
            password = await _parameter(request, "password")
            return await self._log_in(request, username, password, requested)
        if grant_type == "refresh_token":
            token = await _parameter(request, "refresh_token", max_bytes=None)
            return await self._refresh(request, token, requested)
        raise _RefusedGrantError(
            _UNSUPPORTED_GRANT_TYPE, "grant_type must be password or refresh_token."
        )

    async def _log_in(
        self, request: RequestView, username: str, password: str, requested: list[str]
    ) -> TokenPair:
        user = await maybe_await(self._authenticate(username, password))
        if user is None:
            raise _RefusedGrantError(_INVALID_GRANT, "The user name or the password is wrong.")
        if not isinstance(user, AuthenticatedUser):
            msg = f"authenticate must return an AuthenticatedUser or None, not {kind_of(user)}."
            raise TypeError(msg)

        granted = [scope for scope in user.scopes if scope in requested or not requested]
        if requested and not granted:
            raise _RefusedGrantError(_INVALID_SCOPE, "The user has none of the requested scopes.")
        proof = KeyProof(request, self._dpop, self._mtls, self._engine.now())
        await proof.consume()
        return await self._engine.issue_pair(
            user.subject,
            claims=user.claims,
            scopes=granted,
            fresh=True,
            bound_to=proof.key,
            acr=user.acr,
            label=user.label,
        )

    async def _refresh(self, request: RequestView, token: str, requested: list[str]) -> TokenPair:
        proof = KeyProof(request, self._dpop, self._mtls, self._engine.now())

        async def check(claims: Claims) -> bool:
            # RFC 6749 §6: a refresh never adds a scope.
            if not claims.scopes.issuperset(requested):
                raise InsufficientScopeError
            await proof.consume()
            return True

        return await self._engine.refresh(token, check=check, bound_to=proof.key)


class _RefusedGrantError(Exception):
    """A request that is refused for a reason other than a token."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.members = {"error": error, "error_description": description}


async def _parameter(request: RequestView, name: str, *, max_bytes: int | None = _MAX_BYTES) -> str:
    value = await _optional_parameter(request, name, max_bytes=max_bytes)
    if not value:
        raise _RefusedGrantError(
            _INVALID_REQUEST,
            f"{name} is missing: send a form (application/x-www-form-urlencoded) with "
            "Content-Length.",
        )
    return value


async def _optional_parameter(
    request: RequestView, name: str, *, max_bytes: int | None = _MAX_BYTES
) -> str:
    """Return the value of a parameter; empty if it is absent (RFC 6749 §3.2)."""
    values = await request.form_values(name.encode())
    if len(values) > 1:
        raise _RefusedGrantError(_INVALID_REQUEST, f"{name} is sent more than once.")

    value = values[0] if values else b""
    text = _text_of(value)
    if text is None or (max_bytes is not None and len(value) > max_bytes):
        raise _RefusedGrantError(
            _INVALID_REQUEST,
            f"{name} is too long, is not UTF-8, or contains a control character.",
        )
    return text


def _text_of(value: bytes) -> str | None:
    """Return the text of a parameter; None if it is invalid, so that no error contains it."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return None if _FORBIDDEN.search(text) else text


def _refused(error: TokenError) -> TokenResponse:
    refusal = Refusal.from_error(error)
    kinds = {
        InsufficientScopeError: _INVALID_SCOPE,
        InvalidRequestError: _INVALID_REQUEST,
        DpopProofError: _INVALID_PROOF,
        DpopNonceRequiredError: _USE_NONCE,
    }
    name = next((name for kind, name in kinds.items() if isinstance(error, kind)), _INVALID_GRANT)
    is_outage = refusal.status == _OUTAGE
    members = {
        "error": "temporarily_unavailable" if is_outage else name,
        "error_description": quotable(refusal.detail),
        "code": refusal.code,
    }
    headers = {name: value for name, value in refusal.headers.items() if name != "WWW-Authenticate"}
    return TokenResponse.render(_OUTAGE if is_outage else 400, members, headers)
