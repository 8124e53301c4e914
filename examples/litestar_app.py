"""The shop on Litestar: ``uvicorn litestar_app:app``, for browsers ``demo.py --serve litestar``."""

from typing import Annotated, Any

from litestar import Controller, Litestar, Request, Response, WebSocket, delete, get, post
from litestar.handlers import websocket
from litestar.params import Body

import shop
from tokenward_litestar import TokenAuth

auth = TokenAuth(shop.engine, carriers=shop.CARRIERS)
Login = Annotated[shop.Login, Body()]
ShopRequest = Request[Any, shop.ShopClaims, Any]
ShopSocket = WebSocket[Any, shop.ShopClaims, Any]


class Shop(Controller):
    """The routes; their guards state which token each of them requires."""

    @post("/login", status_code=200, response_headers=shop.NO_STORE)
    async def login(self, data: Login) -> dict[str, str | int]:
        """Check the password and return the access and refresh token of a new session."""
        return (await shop.open_session(data)).json_body()

    @post("/refresh", status_code=200, response_headers=shop.NO_STORE)
    async def refresh(self, request: ShopRequest) -> dict[str, str | int]:
        """Exchange the refresh token in the header for a new pair of the same session."""
        return (await auth.refresh(request)).json_body()

    @post("/session", status_code=200)
    async def log_in(self, request: ShopRequest, data: Login) -> Response[dict[str, str]]:
        """Check the password and set the tokens as cookies, which no script can read."""
        auth.check_origin(request)
        response = Response({"detail": "You are logged in."})
        auth.set_cookies(response, await shop.open_session(data))
        return response

    @post("/session/refresh", status_code=200)
    async def refresh_session(self, request: ShopRequest) -> Response[dict[str, str]]:
        """Exchange the refresh token in the cookie for new cookies."""
        response = Response({"detail": "Your session goes on."})
        auth.set_cookies(response, await auth.refresh(request))
        return response

    @post("/session/logout", status_code=200, guards=[auth.required(type="refresh")])
    async def logout(self, request: ShopRequest) -> Response[dict[str, str]]:
        """End the session of the refresh token, which browsers send in a cookie."""
        await shop.engine.revoke_session(request.auth)
        response = Response({"detail": "You are logged out."})
        auth.clear_cookies(response)
        return response

    @post("/session/logout/everywhere", status_code=200, guards=[auth.required(type="refresh")])
    async def log_out_everywhere(self, request: ShopRequest) -> dict[str, str]:
        """End all sessions of the user on all devices."""
        await shop.engine.revoke_subject(request.auth.sub)
        return {"detail": "You are logged out everywhere."}

    @get("/claims", guards=[auth.required()])
    async def read_claims(self, request: ShopRequest) -> dict[str, object]:
        """Return the additional claims that the login put into the token."""
        return {"foo": request.auth.foo}

    @get("/orders", guards=[auth.required(scopes=["orders:read"])])
    async def read_orders(self, request: ShopRequest) -> dict[str, str]:
        """Require a scope that every login grants."""
        return {"orders_of": request.auth.sub}

    @post("/orders", status_code=200, guards=[auth.required()])
    async def place_order(self, request: ShopRequest) -> dict[str, str]:
        """Require an access token, and its CSRF token if it comes in a cookie."""
        return {"ordered_by": request.auth.sub}

    @delete("/orders", status_code=200, guards=[auth.required(scopes=["orders:write"], fresh=True)])
    async def delete_orders(self, request: ShopRequest) -> dict[str, str]:
        """Require a scope that no login grants."""
        return {"deleted_orders_of": request.auth.sub}

    @websocket("/ws", guards=[auth.required()])
    async def echo(self, socket: ShopSocket) -> None:
        """Send every message back until the session ends."""
        await socket.accept()
        async with auth.while_valid(socket, socket.auth, check_every=shop.CHECK_EVERY):
            async for text in socket.iter_data("text"):
                await socket.send_text(text)


def bad_password(_: ShopRequest, error: Exception) -> Response[dict[str, str]]:
    """Answer a failed login."""
    return Response({"detail": str(error)}, status_code=401)


app = Litestar([Shop], plugins=[auth], exception_handlers={shop.BadPasswordError: bad_password})
app.asgi_handler = shop.BrowserPage(app.asgi_handler)
