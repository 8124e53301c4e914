"""The shop on Litestar: ``uvicorn litestar_app:app``, for browsers ``demo.py --serve litestar``."""

from typing import Annotated, Any

from litestar import Controller, Litestar, Request, Response, WebSocket, delete, get, post
from litestar.handlers import websocket
from litestar.params import Body, FromPath

import shop
from tokenward import TokenPair
from tokenward_litestar import TokenAuth

auth = TokenAuth(shop.engine, carriers=shop.CARRIERS)
Login = Annotated[shop.Login, Body()]
Refresh = auth.refresh_operation()
ShopRequest = Request[Any, shop.ShopClaims, Any]


class Shop(Controller):
    """The routes; their guards state which token each of them requires."""

    @post("/login", status_code=200, response_headers=shop.NO_STORE, responses=auth.responses)
    async def login(self, data: Login) -> TokenPair:
        """Check the password and return the access and refresh token of a new session."""
        return await shop.open_session(data)

    @post("/refresh", status_code=200, response_headers=shop.NO_STORE, operation_class=Refresh)
    async def refresh(self, request: ShopRequest) -> TokenPair:
        """Exchange the refresh token in the header for a new pair of the same session."""
        return await auth.refresh(request)

    @post("/session", status_code=200, responses=auth.responses)
    async def log_in(self, request: ShopRequest, data: Login) -> Response[shop.Message]:
        """Check the password and set the tokens as cookies, which no script can read."""
        auth.check_origin(request)
        response = Response(shop.Message(detail="You are logged in."))
        auth.set_cookies(response, await shop.open_session(data))
        return response

    @post("/session/refresh", status_code=200, operation_class=Refresh)
    async def refresh_session(self, request: ShopRequest) -> Response[shop.Message]:
        """Exchange the refresh token in the cookie for new cookies."""
        response = Response(shop.Message(detail="Your session goes on."))
        auth.set_cookies(response, await auth.refresh(request))
        return response

    @post("/session/logout", status_code=200, guards=[auth.required(type="refresh")])
    async def logout(self, request: ShopRequest) -> Response[shop.Message]:
        """End the session of the refresh token, which browsers send in a cookie."""
        await shop.engine.revoke_session(request.auth)
        response = Response(shop.Message(detail="You are logged out."))
        auth.clear_cookies(response)
        return response

    @post("/session/logout/everywhere", status_code=200, guards=[auth.required(type="refresh")])
    async def log_out_everywhere(self, request: ShopRequest) -> shop.Message:
        """End all sessions of the user on all devices."""
        await shop.engine.revoke_subject(request.auth.sub)
        return shop.Message(detail="You are logged out everywhere.")

    @get("/devices", guards=[auth.required()])
    async def read_devices(self, request: ShopRequest) -> shop.Devices:
        """List the sessions of the user, with the names that the logins gave them."""
        return await shop.devices_of(request.auth)

    @delete("/devices/{session:str}", status_code=200, guards=[auth.required()])
    async def end_device(self, request: ShopRequest, session: FromPath[str]) -> shop.EndedSession:
        """End one of the user's sessions, for example that of a lost phone."""
        return await shop.end_device(request.auth, session)

    @get("/claims", guards=[auth.required()])
    async def read_claims(self, request: ShopRequest) -> shop.AdditionalClaims:
        """Return the additional claims that the login put into the token."""
        return shop.AdditionalClaims(foo=request.auth.foo)

    @get("/orders", guards=[auth.required(scopes=["orders:read"])])
    async def read_orders(self, request: ShopRequest) -> shop.Orders:
        """Require a scope that every login grants."""
        return shop.Orders(orders_of=request.auth.sub)

    @post("/orders", status_code=200, guards=[auth.required()])
    async def place_order(self, request: ShopRequest) -> shop.PlacedOrder:
        """Require an access token, and its CSRF token if it comes in a cookie."""
        return shop.PlacedOrder(ordered_by=request.auth.sub)

    @delete("/orders", status_code=200, guards=[auth.required(scopes=["orders:write"], fresh=True)])
    async def delete_orders(self, request: ShopRequest) -> shop.DeletedOrders:
        """Require a scope that no login grants."""
        return shop.DeletedOrders(deleted_orders_of=request.auth.sub)

    @websocket("/ws", guards=[auth.required()])
    async def echo(self, socket: WebSocket[Any, shop.ShopClaims, Any]) -> None:
        """Send every message back until the session ends."""
        await socket.accept()
        async with auth.while_valid(socket, socket.auth, check_every=shop.CHECK_EVERY):
            async for text in socket.iter_data("text"):
                await socket.send_text(text)


def refuse(_: ShopRequest, error: Exception) -> Response[dict[str, str]]:
    """Answer a failed login, or a body that Litestar's decoder does not refuse by itself."""
    body, status = shop.refusal_of(error)
    return Response(body, status_code=status)


refused = (shop.BadPasswordError, UnicodeDecodeError, RecursionError)  # not UTF-8, deep nesting
app = Litestar([Shop], plugins=[auth], exception_handlers=dict.fromkeys(refused, refuse))
