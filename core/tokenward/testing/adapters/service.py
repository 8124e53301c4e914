"""The service of the contract: its engine, its tokens, and what its routes need."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import (
    FreshTokenRequiredError,
    InsufficientScopeError,
    PermissionDeniedError,
    StoreUnavailableError,
    TokenRejectedError,
)
from tokenward.http.carriers import BearerHeader, QueryCarrier
from tokenward.http.cookies import CookieCarrier
from tokenward.http.csrf import CsrfCheck
from tokenward.http.proxy_carriers import HeaderCarrier, ProxyCookieCarrier
from tokenward.http.token_auth import BaseTokenAuth
from tokenward.jose.key import Key
from tokenward.keys.ring import KeyRing
from tokenward.policy import TokenPolicy
from tokenward.stores.memory import MemoryStore
from tokenward.stores.protocol import RevocationStore
from tokenward.testing.adapters.tokens import NOW, SECRET, ShopClaims, payload_of, signed
from tokenward.testing.clock import FrozenClock

if TYPE_CHECKING:
    import httpx

__all__ = [
    "ALLOWED_ORIGIN",
    "AUDIENCE",
    "BANNED_SUBJECT",
    "BROWSER_CARRIERS",
    "COOKIES",
    "DISMISSED",
    "ENDED_SESSION",
    "ISSUER",
    "KEY_ID",
    "LEVELS",
    "OUTAGE",
    "PROXY_CARRIERS",
    "PROXY_COOKIE",
    "REVOKED_TOKEN",
    "STORE_SECRET",
    "Headers",
    "OptionalT",
    "PatchyStore",
    "RequiredT",
    "bearer",
    "check",
    "check_async",
    "client_of",
    "contract_engine",
    "dpop_routes",
    "guarded_routes",
    "is_employed",
    "mtls_routes",
    "pause",
    "revoke_some",
    "shop_payload",
    "shop_token",
]

RequiredT = TypeVar("RequiredT")
OptionalT = TypeVar("OptionalT")

ISSUER = "https://shop.example"
AUDIENCE = "shop-api"
REVOKED_TOKEN = "a-revoked-token"
ENDED_SESSION = "an-ended-session"
BANNED_SUBJECT = "mallory"
DISMISSED = "dismissed"
"""The subject whose sessions are not refreshed."""
OUTAGE = "outage"
"""The subject for which the store fails."""
STORE_SECRET = "hunter2"
"""A part of the store's error, which no response and no log line may contain."""
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


LEVELS = ("pwd", "otp", "mfa", "phr")
"""The levels of a login, from the weakest to the strongest."""
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
            issuer=ISSUER,
            audience=AUDIENCE,
            acr_levels=LEVELS,
            signature_cache_entries=8192 if remembers else 0,
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


def client_of(app: object) -> "httpx.AsyncClient":
    """Return a client that calls an ASGI app without a network."""
    import httpx

    transport = httpx.ASGITransport(app=cast("Any", app), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://shop.example")


_CHECK_ANSWERS: Final[Mapping[str, object]] = {
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
            raise FreshTokenRequiredError
        case "raises-rejected":
            raise TokenRejectedError
        case "raises-outage":
            raise StoreUnavailableError
    answer: bool = _CHECK_ANSWERS.get(claims.tenant, False)  # type: ignore[assignment]
    return answer


async def check_async(claims: ShopClaims) -> bool:
    """Return the same as `check`."""
    return check(claims)


async def is_employed(claims: ShopClaims) -> bool:
    """Return whether a session may be refreshed."""
    return claims.sub != DISMISSED


async def pause() -> None:
    """Let other requests run."""
    for _ in range(10):
        await asyncio.sleep(0)


def guarded_routes(
    auth: BaseTokenAuth[ShopClaims, RequiredT, OptionalT],
) -> list[tuple[str, tuple[str, ...], RequiredT]]:
    """Return the routes that differ only in what they require: path, methods and guard.

    Each answers ``{"sub": claims.sub}``.

    Args:
        auth: the `TokenAuth` of the adapter, with its default carriers.
    """
    get, post = ("GET",), ("POST",)
    return [
        ("/orders", get, auth.required(scopes=["orders:read"])),
        ("/reports", get, auth.required(scopes=["orders:read", "reports:write"])),
        ("/any", get, auth.required(any_scope=["orders:read", "admin"])),
        ("/any-and-all", get, auth.required(scopes=["shop"], any_scope=["orders:read", "admin"])),
        ("/fresh", get, auth.required(fresh=True)),
        ("/recent", get, auth.required(max_age=timedelta(minutes=10))),
        ("/level", get, auth.required(acr=["mfa"])),
        ("/level-and-age", get, auth.required(acr=["phr", "mfa"], max_age=timedelta(minutes=10))),
        ("/delegated", get, auth.required(actor=["orders-api", "billing-api"])),
        ("/by-anyone", get, auth.required(actor=True)),
        ("/in-person", get, auth.required(actor=False)),
        ("/delegated-and-scope", get, auth.required(actor=True, scopes=["orders:read"])),
        ("/level-and-scope", get, auth.required(acr=["mfa"], scopes=["orders:read"])),
        ("/refresh-only", post, auth.required(type="refresh")),
        ("/checked", get, auth.required(check=check)),
        ("/checked-async", get, auth.required(check=check_async)),
        ("/download", get, auth.required(carriers=[QueryCarrier()])),
        ("/either", get, auth.required(carriers=[QueryCarrier(), BearerHeader()])),
        ("/proxied", (*get, *post), auth.required(carriers=PROXY_CARRIERS)),
        ("/proxied-cookie", post, auth.required(carriers=[ProxyCookieCarrier(PROXY_COOKIE)])),
    ]


def dpop_routes(
    auth: BaseTokenAuth[ShopClaims, RequiredT, OptionalT],
) -> list[tuple[str, tuple[str, ...], RequiredT]]:
    """Return the routes of `AdapterContract.build_dpop`, as `guarded_routes` does.

    Args:
        auth: the `TokenAuth` of the adapter, with a `DpopVerifier`.
    """
    return [
        ("/bound", ("GET", "POST"), auth.required(dpop="required")),
        ("/either", ("GET",), auth.required()),
        ("/bound-orders", ("GET",), auth.required(dpop="required", scopes=["orders:read"])),
    ]


def mtls_routes(
    auth: BaseTokenAuth[ShopClaims, RequiredT, OptionalT],
) -> list[tuple[str, tuple[str, ...], RequiredT]]:
    """Return the routes of `AdapterContract.build_mtls`, as `guarded_routes` does.

    Args:
        auth: the `TokenAuth` of the adapter, with a source of certificates.
    """
    return [
        ("/bound", ("GET",), auth.required(mtls="required")),
        ("/either", ("GET",), auth.required()),
        ("/bound-orders", ("GET",), auth.required(mtls="required", scopes=["orders:read"])),
    ]
