"""Shared by the tests of the drop-in: a separate class for each test, and a service.

`auth` and `service` are fixtures; a test module that uses them assigns them to its own names.
"""

import sys
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import fastapi
import httpx
import pytest
from fastapi import Depends, FastAPI, Query, Request, WebSocket
from fastapi.responses import JSONResponse, Response

from tests.support import SECRET, payload_of, signed
from tokenward import Key
from tokenward.testing.adapters.service import client_of
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.exceptions import AuthJWTException

GUARDS = {
    "required": "jwt_required",
    "optional": "jwt_optional",
    "refresh": "jwt_refresh_token_required",
    "fresh": "fresh_jwt_required",
}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
COOKIES = {"token_location": {"cookies"}}
BOTH = {"token_location": ["headers", "cookies"]}
# Whether FastAPI follows `__wrapped__` of a class: since 0.124, and on Python before 3.13 only.
LOOKS_BEHIND = tuple(map(int, fastapi.__version__.split(".")[:2])) >= (
    0,
    124,
) and sys.version_info < (3, 13)


def configure(auth: type[AuthJWT], **settings: object) -> type[AuthJWT]:
    """Load settings, named without their prefix; by default with the secret of the tests."""
    named = {"secret_key": SECRET, **settings}
    auth.load_config(lambda: [(f"authjwt_{name}", value) for name, value in named.items()])
    return auth


@pytest.fixture
def auth() -> type[AuthJWT]:
    """Return a class with its own configuration, which no other test sees."""

    class OwnAuthJWT(AuthJWT):
        pass

    return configure(OwnAuthJWT)


def old_token(key: Key | None = None, **changes: object) -> str:
    """Sign a token as the reference writes it; `...` as a value removes the claim."""
    now = int(time.time())
    # A day: modules sign tokens while they are imported, long before they are used.
    return signed(payload_of(now, **{"exp": now + 86_400, **changes}), key=key)


class Service:
    """An app with routes and WebSockets for each guard of the drop-in, and its client."""

    def __init__(self, auth: type[AuthJWT], *, has_handler: bool = True) -> None:
        """Build the app and its client."""
        self.auth = auth
        self.decoded: list[object] = []
        self.app = FastAPI()
        self.client = client_of(self.app)
        if has_handler:
            self.app.add_exception_handler(AuthJWTException, _answer)
        self._add_guards()
        self._add_cookie_routes()
        self._add_sockets()

    async def send(
        self,
        path: str,
        token: str | None = None,
        *,
        method: str = "GET",
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        **cookies: str,
    ) -> tuple[int, Any]:
        """Send a request and return its status and the message or the body."""
        told = list((headers or {}).items() if isinstance(headers, dict | None) else headers)
        if token is not None:
            told.append(("Authorization", f"Bearer {token}"))
        if cookies:
            told.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())))
        response = await self.client.request(method, path, headers=told)
        body = response.json()
        return response.status_code, body.get("detail", body)

    def count_decoding(self) -> None:
        """Collect in `decoded` the claims of each token that the engine decodes."""

        @self.auth.engine().after_decode
        def note(claims: object) -> None:
            self.decoded.append(claims)

    def _add_guards(self) -> None:
        auth = self.auth

        @self.app.api_route("/nothing", methods=METHODS)
        async def nothing(authorize: Annotated[AuthJWT, Depends(auth)]) -> dict[str, Any]:
            return {"sub": None}

        @self.app.api_route("/unasked", methods=METHODS)
        async def unasked(authorize: Annotated[AuthJWT, Depends(auth)]) -> dict[str, Any]:
            return {"sub": await authorize.get_jwt_subject()}

        for path, guard in GUARDS.items():
            self._add_guard(path, guard)

    def _add_guard(self, path: str, guard: str) -> None:
        @self.app.api_route(f"/{path}", methods=METHODS)
        async def guarded(authorize: Annotated[AuthJWT, Depends(self.auth)]) -> dict[str, Any]:
            await getattr(authorize, guard)()
            raw = await authorize.get_raw_jwt()
            return {"sub": await authorize.get_jwt_subject(), "raw": raw}

    def _add_cookie_routes(self) -> None:
        auth = self.auth

        @self.app.post("/login")
        async def login(authorize: Annotated[AuthJWT, Depends(auth)]) -> dict[str, Any]:
            access = await authorize.create_access_token("alice", fresh=True)
            refresh = await authorize.create_refresh_token("alice")
            await authorize.set_access_cookies(access)
            await authorize.set_refresh_cookies(refresh)
            return {"access": access, "refresh": refresh}

        @self.app.post("/login/response")
        async def login_response(authorize: Annotated[AuthJWT, Depends(auth)]) -> Response:
            response = JSONResponse({})
            token = await authorize.create_access_token("alice")
            await authorize.set_access_cookies(token, response, max_age=60)
            return response

        @self.app.post("/logout")
        async def logout(authorize: Annotated[AuthJWT, Depends(auth)]) -> dict[str, Any]:
            await authorize.unset_jwt_cookies()
            return {}

    def _add_sockets(self) -> None:
        for path, guard in GUARDS.items():
            self._add_socket(path, guard)

    def _add_socket(self, path: str, guard: str) -> None:
        auth = self.auth

        async def greet(websocket: WebSocket, authorize: AuthJWT) -> None:
            await websocket.accept()
            await websocket.send_text(str(await authorize.get_jwt_subject()))
            await websocket.close()

        @self.app.websocket(f"/ws/{path}")
        async def by_token(
            websocket: WebSocket,
            authorize: Annotated[AuthJWT, Depends(auth)],
            token: Annotated[str | None, Query()] = None,
        ) -> None:
            await getattr(authorize, guard)("websocket", token=token)
            await greet(websocket, authorize)

        @self.app.websocket(f"/ws/cookie/{path}")
        async def by_cookie(
            websocket: WebSocket,
            authorize: Annotated[AuthJWT, Depends(auth)],
            csrf_token: Annotated[str | None, Query()] = None,
        ) -> None:
            await getattr(authorize, guard)("websocket", websocket=websocket, csrf_token=csrf_token)
            await greet(websocket, authorize)

        @self.app.websocket(f"/ws/request/{path}")
        async def by_request(
            websocket: WebSocket, authorize: Annotated[AuthJWT, Depends(auth)]
        ) -> None:
            await getattr(authorize, guard)()
            await greet(websocket, authorize)


async def _answer(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AuthJWTException)
    return JSONResponse(status_code=error.status_code, content={"detail": error.message})


@pytest.fixture
async def service(auth: type[AuthJWT]) -> AsyncIterator[Service]:
    """Return a service whose app handles exceptions as the reference's documentation shows."""
    service = Service(auth)
    async with service.client:
        yield service


def cookies_of(response: httpx.Response) -> dict[str, tuple[str, dict[str, str | bool]]]:
    """Return each cookie of a response: its value, and its attributes by their lower-case names."""
    found = {}
    for header in response.headers.get_list("set-cookie"):
        first, *attributes = header.split("; ")
        name, _, value = first.partition("=")
        pairs = (each.partition("=") for each in attributes)
        found[name] = (value, {key.lower(): text if mark else True for key, mark, text in pairs})
    return found
