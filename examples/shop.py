"""A small shop behind Tokenward: what the three examples share, without a web framework.

`fastapi_app`, `litestar_app` and `quart_app` implement the same service.
"""

import os
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from tokenward import (
    BearerHeader,
    Claims,
    CookieCarrier,
    KeyRing,
    MemoryStore,
    TokenEngine,
    TokenPair,
    TokenPolicy,
)


class ShopClaims(Claims):
    """The claims of this shop's tokens, in addition to the registered ones."""

    foo: tuple[str, ...]


# Without a configured secret, tokens are valid only until this process ends.
SECRET = os.environ.get("TOKENWARD_SECRET") or secrets.token_hex(32)

engine = TokenEngine(
    KeyRing.from_secret(SECRET),
    policy=TokenPolicy(
        issuer="https://shop.example",
        audience="shop-api",
        access_lifetime=timedelta(minutes=15),
        refresh_lifetime=timedelta(days=14),  # a session that is idle for longer ends
        session_lifetime=timedelta(days=90),  # every session ends after this time
    ),
    claims_model=ShopClaims,
    store=MemoryStore(),  # for one process; for several use RedisStore(url) or SqlStore(url)
)

# Programs send a header, browsers send cookies. Browsers send the refresh token only to the routes
# under /session. The logout is one of them, so that it also works once the access token has expired.
CARRIERS = (BearerHeader(), CookieCarrier(refresh_path="/session"))
NO_STORE = {"Cache-Control": "no-store"}  # for responses with tokens (RFC 6749 §5.1)
CHECK_EVERY = timedelta(seconds=1)

# A real service has a database and stores hashes of the passwords.
USERS = {"test": "test"}


class Login(BaseModel):
    """A user name and a password."""

    username: str
    password: str


class BadPasswordError(Exception):
    """The user is unknown or the password is wrong; the message does not tell which."""

    def __init__(self) -> None:
        super().__init__("Bad username or password")


async def open_session(user: Login) -> TokenPair:
    """Check the password and return the tokens of a new session.

    Raises:
        BadPasswordError: the user is unknown, or the password is wrong.
    """
    if USERS.get(user.username) != user.password:
        raise BadPasswordError
    return await engine.issue_pair(
        user.username, claims={"foo": ["fiz", "baz"]}, scopes=["orders:read"], fresh=True
    )


ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

# The page loads nothing from other origins, has no inline code, and cannot be framed.
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def _read(name: str, media_type: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    content = (Path(__file__).parent / "browser" / name).read_bytes()
    headers = [
        (b"content-type", media_type + b"; charset=utf-8"),
        (b"content-length", b"%d" % len(content)),
        (b"content-security-policy", _POLICY),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]
    return content, headers


_FILES: Final = {
    "/": _read("index.html", b"text/html"),
    "/page.css": _read("page.css", b"text/css"),
    "/page.js": _read("page.js", b"text/javascript"),
}


class BrowserPage:
    """Middleware that serves the page in ``browser/``, the same for all three apps."""

    def __init__(self, app: ASGIApp) -> None:
        """Store the app that answers all other requests."""
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer one request, as ASGI defines it."""
        file = _FILES.get(scope["path"]) if scope.get("method") in {"GET", "HEAD"} else None
        if file is None:
            await self._app(scope, receive, send)
            return
        content, headers = file
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
