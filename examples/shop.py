"""A small shop behind Tokenward: everything that the three examples share, and no web framework.

`fastapi_app`, `litestar_app` and `quart_app` are one service in three files.
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
    """What this shop's tokens say besides the registered claims."""

    foo: tuple[str, ...]


# Made anew at every start where none is configured: tokens then end with the process.
SECRET = os.environ.get("TOKENWARD_SECRET") or secrets.token_hex(32)

engine = TokenEngine(
    KeyRing.from_secret(SECRET),
    policy=TokenPolicy(
        issuer="https://shop.example",
        audience="shop-api",
        access_lifetime=timedelta(minutes=15),
        refresh_lifetime=timedelta(days=14),  # idle for longer, a session is over
        session_lifetime=timedelta(days=90),  # and after that in any case
    ),
    claims_model=ShopClaims,
    store=MemoryStore(),  # one process; for several: RedisStore(url) or SqlStore(url)
)

# Programs send a header; browsers send cookies, and the refresh token only to the routes below
# /session. One of them logs out: a user can end a session whose access token has expired.
CARRIERS = (BearerHeader(), CookieCarrier(refresh_path="/session"))
NO_STORE = {"Cache-Control": "no-store"}  # for answers with tokens (RFC 6750 §5.3)
CHECK_EVERY = timedelta(seconds=1)

# A service has a database here, and hashes its passwords.
USERS = {"test": "test"}


class Login(BaseModel):
    """A user name and a password."""

    username: str
    password: str


class BadPasswordError(Exception):
    """The user is unknown, or the password is another one; which of them is not said."""

    def __init__(self) -> None:
        super().__init__("Bad username or password")


async def open_session(user: Login) -> TokenPair:
    """Trade a password for the tokens of a new session.

    Raises:
        BadPasswordError: it is not the user's.
    """
    if USERS.get(user.username) != user.password:
        raise BadPasswordError
    return await engine.issue_pair(
        user.username, claims={"foo": ["fiz", "baz"]}, scope=["orders:read"], fresh=True
    )


ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

# Nothing from elsewhere, nothing inline, and no frame around it.
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
    """Serves the page in ``browser/`` in front of an ASGI app: the same bytes under all three."""

    def __init__(self, app: ASGIApp) -> None:
        """Take the app."""
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Let the server call this."""
        file = _FILES.get(scope["path"]) if scope.get("method") in {"GET", "HEAD"} else None
        if file is None:
            await self._app(scope, receive, send)
            return
        content, headers = file
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
