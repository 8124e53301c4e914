"""The contract of every adapter: one small service, with the same responses in each framework.

This module imports no framework. For each adapter there is a ``build(engine)``, which builds this
service as an ASGI app with the adapter's error handling. The app uses the engine twice: with the
adapter's defaults, and for the routes under ``/browser`` with `BROWSER_CARRIERS`. Clients are the same
for all: `client_of` for HTTP, `asgi_websocket` for WebSockets.

The service answers in JSON. ``required``, ``optional``, ``refresh``, ``set_cookies``,
``clear_cookies`` and ``while_valid`` are those of the adapter. A route without a body in the table
answers ``{"sub": claims.sub}``. After a login and after a refresh, the body also contains the pair as
``access_token``, ``refresh_token`` and ``csrf_token``, so that tests can compare the cookies with it.

===================  =======================================  ======================================
Route                Requires                                 Response
===================  =======================================  ======================================
GET /public          nothing                                  ``{"public": true}``
GET /me              required()                               ``sub``, ``tenant``, ``extra``
GET /maybe           optional()                               ``sub``, or null without claims
GET /maybe-orders    optional(scopes=["orders:read"])         ``sub``, or null without claims
GET /orders          required(scopes=["orders:read"])
GET /reports         required(scopes=["orders:read",
                     "reports:write"])
GET /any             required(any_scope=
                     ["orders:read", "admin"])
GET /any-and-all     required(scopes=["shop"],
                     any_scope=["orders:read", "admin"])
GET /fresh           required(fresh=True)
GET /recent          required(fresh=timedelta(minutes=10))
POST /refresh-only   required(type="refresh")
GET /checked         required(check=check)
GET /checked-async   required(check=check_async)
GET /twice           required() on the group of routes, and
                     required(scopes=["orders:read"]) on
                     the route itself
GET /crossed         required() on the group, and
                     required(type="refresh") on the route
GET /admin           required(scopes=["admin"]), on the
                     group only
GET /admin/users     the same group                           ``{"users": []}``
POST /renew          nothing                                  ``{"scope": pair.scope}`` of the pair
                                                              that ``engine.refresh(body)`` returns;
                                                              the adapter handles its errors
POST /renew-json     nothing                                  the same with ``refresh_token`` of the
                                                              JSON body, parsed with the standard
                                                              library's ``json``
GET /download        required(carriers=[QueryCarrier()])
GET /either          required(carriers=[QueryCarrier(),
                     BearerHeader()])
GET and POST         required(carriers=PROXY_CARRIERS)
/proxied
POST /proxied-cookie required(carriers=
                     [ProxyCookieCarrier(PROXY_COOKIE)])
POST /browser/login  ``check_origin(request)``                a pair of ``engine.issue_pair`` for
                                                              alice of acme, and its cookies
GET, POST, and PUT   required()
/browser/me
POST /browser/maybe  optional()                               ``sub``, or null without claims
POST /browser/       nothing                                  the pair of ``refresh(request)``, and
refresh                                                       its cookies
GET and HEAD         nothing                                  the same as /browser/refresh
/browser/renew
GET /browser/leave   required(type="refresh")
POST /browser/       required()                               ``sub``; revokes the session, and
logout                                                        clears the cookies
POST /browser/form   required()                               ``{"note": note}``: a field of the
                                                              form, parsed by the framework
WebSocket /ws        required()                               accepts, sends ``sub`` as text, closes
WebSocket /ws/maybe  optional()                               the same; empty text without claims
WebSocket /ws/orders required(scopes=["orders:read"]) on the  the same
                     socket, and required() as well
WebSocket /ws/query  required(carriers=[QueryCarrier()])      the same
WebSocket            required(carriers=                       the same; accepts with the subprotocol
/ws/protocol         [WebSocketProtocolCarrier()])            ``bearer``
WebSocket            required()                               the same
/browser/ws
WebSocket /ws/live   required()                               accepts, and ``while_valid``, checked
                                                              every millisecond, sends back each text
                                                              it receives
WebSocket            required()                               accepts, and in ``while_valid`` reads
/ws/stubborn                                                  once, ignores its cancellation, and
                                                              reads again
WebSocket /ws/raises nothing                                  accepts, and raises TokenRevokedError
===================  =======================================  ======================================
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx

from tests.support import NOW, SECRET, FrozenClock, ShopClaims, payload_of, signed
from tokenward import (
    BearerHeader,
    CookieCarrier,
    CsrfCheck,
    Key,
    KeyRing,
    MemoryStore,
    PermissionDeniedError,
    RevocationStore,
    StoreUnavailableError,
    TokenEngine,
    TokenPolicy,
    TokenRejectedError,
)
from tokenward.errors import FreshTokenRequiredError, InsufficientScopeError
from tokenward.http import HeaderCarrier, ProxyCookieCarrier

ISSUER = "https://shop.example"
AUDIENCE = "shop-api"
REVOKED_TOKEN = "a-revoked-token"
ENDED_SESSION = "an-ended-session"
BANNED_SUBJECT = "mallory"
OUTAGE = "outage"
"""The subject of whom the store cannot say anything."""
STORE_SECRET = "hunter2"
"""Stands in the error of the store, and nowhere else may it be seen."""
ALLOWED_ORIGIN = "https://app.example"
COOKIES = CookieCarrier(
    refresh_path="/browser/refresh", csrf=CsrfCheck(allowed_origins=[ALLOWED_ORIGIN])
)
BROWSER_CARRIERS = (BearerHeader(), COOKIES)
PROXY_COOKIE = "CF_Authorization"
PROXY_CARRIERS = (
    HeaderCarrier("Cf-Access-Jwt-Assertion", allowed_origins=[ALLOWED_ORIGIN]),
    ProxyCookieCarrier(PROXY_COOKIE, proxy_prevents_csrf=True),
)
METHODS = {
    "/refresh-only": ("POST",),
    "/proxied": ("GET", "POST"),
    "/proxied-cookie": ("POST",),
}
"""The methods of routes that do not only answer GET."""

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


class PatchyStore(MemoryStore):
    """A store that fails for one subject."""

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """Fail for that subject, otherwise answer."""
        if sub == OUTAGE:
            msg = f"redis://shop:{STORE_SECRET}@cache"
            raise ConnectionError(msg)
        return await super().is_revoked(jti=jti, sid=sid, sub=sub, issued_at=issued_at, now=now)


KEY_ID = "service"
"""A key without an id would verify tokens that name any."""


def contract_engine(
    clock: FrozenClock,
    *,
    key: Key | None = None,
    keys: KeyRing | None = None,
    store: RevocationStore | None = None,
    remembers: bool = True,
) -> TokenEngine[ShopClaims]:
    """Build the engine of the service, with or without the signature cache."""
    return TokenEngine(
        KeyRing(Key.from_secret(SECRET, kid=KEY_ID) if key is None else key)
        if keys is None
        else keys,
        policy=TokenPolicy(
            issuer=ISSUER, audience=AUDIENCE, signature_cache_entries=8192 if remembers else 0
        ),
        claims_model=ShopClaims,
        store=PatchyStore() if store is None else store,
        clock=clock,
    )


async def revoke_some(engine: TokenEngine[ShopClaims], clock: FrozenClock) -> None:
    """Revoke the contract's token, session and subject, as of a minute ago."""
    clock.advance(-60)
    await engine.revoke(ShopClaims(sub="alice", tenant="acme", jti=REVOKED_TOKEN, exp=NOW + 900))
    await engine.revoke_session(ENDED_SESSION)
    await engine.revoke_subject(BANNED_SUBJECT)
    clock.advance(60)


def shop_payload(**changes: object) -> dict[str, object]:
    """Return the claims of a valid access token; `...` as a value removes a claim."""
    return payload_of(**{"iss": ISSUER, "aud": AUDIENCE, "tenant": "acme", **changes})


def shop_token(**changes: object) -> str:
    """Return a token with the claims of `shop_payload`."""
    return signed(shop_payload(**changes))


def bearer(token: str) -> Headers:
    """Return the Authorization header of RFC 6750 §2.1."""
    return ((b"authorization", b"Bearer " + token.encode()),)


def client_of(app: object) -> httpx.AsyncClient:
    """Return a client that calls an ASGI app without a network."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://shop.example")


_CHECK_ANSWERS: Mapping[str, object] = {
    "acme": True,
    "says-false": False,
    "says-none": None,
    "says-one": 1,
    "says-yes": "yes",
}


def check(claims: ShopClaims) -> bool:
    """Return True for the tenant acme; other tenants get another value or an error."""
    match claims.tenant:
        case "raises-denied":
            msg = 'Only on "weekdays".\r\nNot on Sünday.'
            raise PermissionDeniedError(msg)
        case "raises-scope":
            raise InsufficientScopeError(("stock:write", "stock:read"))
        case "raises-fresh":
            raise FreshTokenRequiredError(60)
        case "raises-rejected":
            raise TokenRejectedError
        case "raises-outage":
            raise StoreUnavailableError
    answer: bool = _CHECK_ANSWERS.get(claims.tenant, False)  # type: ignore[assignment]
    return answer


async def check_async(claims: ShopClaims) -> bool:
    """Return the same as `check`."""
    return check(claims)


@dataclass(frozen=True)
class Answer:
    """The response that a request must get."""

    status: int
    body: Mapping[str, Any]
    challenge: str | None = None
    """The whole of ``WWW-Authenticate``; None: there must be none."""
    retry_after: str | None = None

    @property
    def code(self) -> str:
        """The code of the error."""
        code: str = self.body["code"]
        return code

    @property
    def close_code(self) -> int:
        """The close code of a WebSocket if the server cannot send an HTTP response."""
        return 1013 if self.status == 503 else 1008


@dataclass(frozen=True)
class Case:
    """A request and its expected response."""

    name: str
    path: str
    headers: Headers
    answer: Answer
    method: str = "GET"
    content: bytes = field(default=b"", repr=False)
    cookies: tuple[str, ...] = ()
    """All that the answer sets."""


def ok(**body: object) -> Answer:
    """Return the response of a handler."""
    return Answer(200, body)


def _refused(status: int, code: str, detail: str, challenge: str) -> Answer:
    return Answer(status, {"detail": detail, "code": code}, challenge)


def _invalid(code: str, detail: str) -> Answer:
    said = f'Bearer realm="api", error="invalid_token", error_description="{detail}"'
    return _refused(401, code, detail, said)


ME = ok(sub="alice", tenant="acme", extra={})
MISSING = _refused(401, "token_missing", "A token is required.", 'Bearer realm="api"')
TWO_CREDENTIALS = _refused(
    400,
    "invalid_request",
    "The request carries more than one credential.",
    'Bearer realm="api", error="invalid_request", '
    'error_description="The request carries more than one credential."',
)
MALFORMED = _invalid("token_malformed", "The token is malformed.")
NOT_THREE = _invalid("token_malformed", "The token is malformed. Expected three segments.")
TOO_LONG = _invalid("token_malformed", "The token is malformed. It is too long.")
UNSUPPORTED = _invalid(
    "header_unsupported", "The token's header has a parameter that is not supported."
)
UNKNOWN_KEY = _invalid("key_unknown", "The token is signed with an unknown key.")
MISMATCH = _invalid("algorithm_mismatch", "The token's algorithm is not the algorithm of its key.")
FORGED = _invalid("signature_invalid", "The token's signature is not valid.")
WRONG_ISSUER = _invalid("issuer_invalid", "The token is from another issuer.")
WRONG_AUDIENCE = _invalid("audience_invalid", "The token is for another audience.")
WRONG_TYPE = _invalid("token_type_invalid", "The token is of the wrong type.")
TOO_EARLY = _invalid("token_not_yet_valid", "The token is not valid yet.")
EXPIRED = _invalid("token_expired", "The token has expired.")
TOO_OLD = _invalid("token_too_old", "The token was issued too long ago.")
REVOKED = _invalid("token_revoked", "The token has been revoked.")
REUSED = _invalid(
    "refresh_token_reused", "The refresh token has already been used. The session has ended."
)
SUPERSEDED = _invalid(
    "refresh_token_superseded", "The refresh token has been replaced by a newer one."
)
REJECTED = _invalid("token_rejected", "The token was rejected.")
NOT_FRESH = _refused(
    401,
    "fresh_token_required",
    "A fresh login is required.",
    'Bearer realm="api", error="insufficient_user_authentication", '
    'error_description="A fresh login is required."',
)
DENIED = _refused(
    403,
    "permission_denied",
    "The token does not allow this.",
    'Bearer realm="api", error="insufficient_scope", '
    'error_description="The token does not allow this."',
)
OUT_OF_ORDER = Answer(
    503,
    {"detail": "The revocation check is temporarily unavailable.", "code": "store_unavailable"},
    retry_after="1",
)


CSRF_MISSING = _refused(
    403,
    "csrf_missing",
    "A CSRF token is required with the cookie.",
    'Bearer realm="api", error="invalid_request", '
    'error_description="A CSRF token is required with the cookie."',
)
CSRF_MISMATCH = _refused(
    403,
    "csrf_mismatch",
    "The CSRF token does not belong to this session.",
    'Bearer realm="api", error="invalid_request", '
    'error_description="The CSRF token does not belong to this session."',
)
FOREIGN_ORIGIN = _refused(
    403,
    "origin_not_allowed",
    "Requests from this origin are not allowed.",
    'Bearer realm="api", error="invalid_request", '
    'error_description="Requests from this origin are not allowed."',
)


def lacks(claim: str) -> Answer:
    """Return the response to a token without a claim."""
    return _invalid("claim_missing", f"The token lacks a required claim. Claim: {claim}.")


def bad(claim: str) -> Answer:
    """Return the response to a token with an invalid claim."""
    return _invalid("claim_invalid", f"A claim of the token is not valid. Claim: {claim}.")


def too_little(scope: str) -> Answer:
    """Return the response to a token without all of these scopes."""
    detail = "The token lacks the required scope."
    return _refused(
        403,
        "insufficient_scope",
        detail,
        f'Bearer realm="api", error="insufficient_scope", error_description="{detail}", '
        f'scope="{scope}"',
    )


def too_old(max_age_seconds: int) -> Answer:
    """Return the response to a token whose user authenticated too long ago."""
    return Answer(401, NOT_FRESH.body, f'{NOT_FRESH.challenge}, max_age="{max_age_seconds}"')


WEEKDAYS = _refused(
    403,
    "permission_denied",
    'Only on "weekdays".\r\nNot on Sünday.',
    'Bearer realm="api", error="insufficient_scope", '
    'error_description="Only on weekdays.Not on Snday."',
)
