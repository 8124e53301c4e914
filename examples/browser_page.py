"""The page in ``browser/``, in front of any of the three examples.

It shows a visitor what a script cannot see, so two things here do not belong in a real service: the
attributes of the cookies are repeated in a header, and a thief copies refresh tokens.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final, TypeAlias

__all__ = ["BrowserPage"]

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

# The page loads nothing from other origins, has no inline code, and cannot be framed.
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_REFRESH: Final = "/session/refresh"
_MAX_STOLEN: Final = 100
_NOTHING_STOLEN: Final = {
    "detail": "The thief has no token of this session: refresh first.",
    "code": "nothing_stolen",
}


def _read(name: str, media_type: bytes) -> tuple[bytes, Headers]:
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
    """Middleware that serves the page and plays the thief; the app answers all other requests."""

    def __init__(self, app: ASGIApp) -> None:
        """Store the app."""
        self._app = app
        self._stolen: dict[bytes, Headers] = {}
        """The headers of the last refresh of each session, by its CSRF token."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI defines it."""
        method, path = scope.get("method"), scope.get("path", "")
        if method in {"GET", "HEAD"} and path in _FILES:
            await _respond(send, 200, *_FILES[path])
        elif (method, path) == ("POST", "/thief"):
            await self._replay(scope, receive, send)
        else:
            if (method, path) == ("POST", _REFRESH):
                self._steal(scope)
            await self._app(scope, receive, _with_headers(send, _describe_cookies))

    def _steal(self, scope: Scope) -> None:
        """Copy the refresh token, together with the request that replaces it."""
        self._stolen[_csrf_token(scope)] = scope["headers"]
        if len(self._stolen) > _MAX_STOLEN:
            del self._stolen[next(iter(self._stolen))]

    async def _replay(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the copied request again, and show the visitor the answer without its cookies."""
        stolen = self._stolen.get(_csrf_token(scope))
        if stolen is None:
            content = json.dumps(_NOTHING_STOLEN).encode()
            await _respond(send, 409, content, [(b"content-type", b"application/json")])
            return
        replayed = {**scope, "path": _REFRESH, "raw_path": _REFRESH.encode(), "headers": stolen}
        await self._app(replayed, receive, _with_headers(send, _remove_cookies))


def _csrf_token(scope: Scope) -> bytes:
    headers: Headers = scope["headers"]
    return dict(headers).get(b"x-csrf-token", b"")


async def _respond(send: Send, status: int, content: bytes, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _with_headers(send: Send, change: Callable[[Headers], Headers]) -> Send:
    """Return a `send` that changes the headers of the response."""

    async def changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = change(list(message["headers"]))
        await send(message)

    return changed


def _describe_cookies(headers: Headers) -> Headers:
    """Add the names and attributes of the cookies, without their values."""
    cookies = [value.partition(b"; ") for name, value in headers if name.lower() == b"set-cookie"]
    described = [cookie.partition(b"=")[0] + b"; " + rest for cookie, _, rest in cookies]
    return [*headers, *((b"demo-cookies", each) for each in described)]


def _remove_cookies(headers: Headers) -> Headers:
    """Keep what the thief receives out of the visitor's browser."""
    return [(name, value) for name, value in headers if name.lower() != b"set-cookie"]
