"""The shop on FastAPI: ``uvicorn fastapi_app:app``, for browsers ``demo.py --serve fastapi``."""

from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response, Security, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

import shop
from tokenward import TokenPair
from tokenward_fastapi import TokenAuth

app = FastAPI(title="A shop behind Tokenward")
for kind in (shop.BadPasswordError, RequestValidationError):
    app.add_exception_handler(kind, lambda _, error: JSONResponse(*shop.refusal_of(error)))
auth = TokenAuth(shop.engine, carriers=shop.CARRIERS)
auth.init_app(app)

Session = Annotated[shop.ShopClaims, Depends(auth.required(type="refresh"))]
Customer = Annotated[shop.ShopClaims, Depends(auth.required())]
Reader = Annotated[shop.ShopClaims, Security(auth.required(), scopes=["orders:read"])]
Writer = Annotated[shop.ShopClaims, Depends(auth.required(scopes=["orders:write"], fresh=True))]


@app.post("/login", responses=auth.responses)
async def login(user: shop.Login, response: Response) -> TokenPair:
    """Check the password and return the access and refresh token of a new session."""
    response.headers.update(shop.NO_STORE)
    return await shop.open_session(user)


@app.post("/refresh", openapi_extra=auth.refresh_operation())
async def refresh(request: Request, response: Response) -> TokenPair:
    """Exchange the refresh token in the header for a new pair of the same session."""
    response.headers.update(shop.NO_STORE)
    return await auth.refresh(request)


@app.post("/session", responses=auth.responses)
async def log_in(user: shop.Login, request: Request, response: Response) -> shop.Message:
    """Check the password and set the tokens as cookies, which no script can read."""
    auth.check_origin(request)
    auth.set_cookies(response, await shop.open_session(user))
    return shop.Message(detail="You are logged in.")


@app.post("/session/refresh", openapi_extra=auth.refresh_operation())
async def refresh_session(request: Request, response: Response) -> shop.Message:
    """Exchange the refresh token in the cookie for new cookies."""
    auth.set_cookies(response, await auth.refresh(request))
    return shop.Message(detail="Your session goes on.")


@app.post("/session/logout")
async def logout(claims: Session, response: Response) -> shop.Message:
    """End the session of the refresh token, which browsers send in a cookie."""
    await shop.engine.revoke_session(claims)
    auth.clear_cookies(response)
    return shop.Message(detail="You are logged out.")


@app.post("/session/logout/everywhere")
async def log_out_everywhere(claims: Session) -> shop.Message:
    """End all sessions of the user on all devices."""
    await shop.engine.revoke_subject(claims.sub)
    return shop.Message(detail="You are logged out everywhere.")


@app.get("/devices")
async def read_devices(claims: Customer) -> shop.Devices:
    """List the sessions of the user, with the names that the logins gave them."""
    return await shop.devices_of(claims)


@app.delete("/devices/{session}")
async def end_device(session: str, claims: Customer) -> shop.EndedSession:
    """End one of the user's sessions, for example that of a lost phone."""
    return await shop.end_device(claims, session)


@app.get("/claims")
async def read_claims(claims: Customer) -> shop.AdditionalClaims:
    """Return the additional claims that the login put into the token."""
    return shop.AdditionalClaims(foo=claims.foo)


@app.get("/orders")
async def read_orders(claims: Reader) -> shop.Orders:
    """Require a scope that every login grants."""
    return shop.Orders(orders_of=claims.sub)


@app.post("/orders")
async def place_order(claims: Customer) -> shop.PlacedOrder:
    """Require an access token, and its CSRF token if it comes in a cookie."""
    return shop.PlacedOrder(ordered_by=claims.sub)


@app.delete("/orders")
async def delete_orders(claims: Writer) -> shop.DeletedOrders:
    """Require a scope that no login grants."""
    return shop.DeletedOrders(deleted_orders_of=claims.sub)


@app.websocket("/ws")
async def echo(websocket: WebSocket, claims: Customer) -> None:
    """Send every message back until the session ends."""
    await websocket.accept()
    async with auth.while_valid(websocket, claims, check_every=shop.CHECK_EVERY):
        async for text in websocket.iter_text():
            await websocket.send_text(text)
