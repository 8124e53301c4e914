"""The shop on FastAPI. ``uvicorn fastapi_app:app``; for browsers ``demo.py --serve fastapi``."""

from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response, Security, WebSocket
from fastapi.responses import JSONResponse

import shop
from tokenward import TokenPair
from tokenward_fastapi import TokenAuth

app = FastAPI(title="A shop behind Tokenward")
app.add_exception_handler(
    shop.BadPasswordError, lambda _, error: JSONResponse({"detail": str(error)}, 401)
)
auth = TokenAuth(shop.engine, carriers=shop.CARRIERS)
auth.init_app(app)
app.add_middleware(shop.BrowserPage)

Session = Annotated[shop.ShopClaims, Depends(auth.required(type="refresh"))]
Somebody = Annotated[shop.ShopClaims, Depends(auth.required())]
Reader = Annotated[shop.ShopClaims, Security(auth.required(), scopes=["orders:read"])]
Writer = Annotated[shop.ShopClaims, Depends(auth.required(scopes=["orders:write"], fresh=True))]


@app.post("/login")
async def login(user: shop.Login, response: Response) -> TokenPair:
    """Trade a password for an access and a refresh token of one session."""
    response.headers.update(shop.NO_STORE)
    return await shop.open_session(user)


@app.post("/refresh")
async def refresh(request: Request, response: Response) -> TokenPair:
    """Trade the refresh token in the header, once, for a new pair of the same session."""
    response.headers.update(shop.NO_STORE)
    return await auth.refresh(request)


@app.post("/session")
async def log_in(user: shop.Login, request: Request, response: Response) -> dict[str, str]:
    """Trade a password for cookies: no script sees a token."""
    auth.check_origin(request)
    auth.set_cookies(response, await shop.open_session(user))
    return {"detail": "You are logged in."}


@app.post("/session/refresh")
async def refresh_session(request: Request, response: Response) -> dict[str, str]:
    """Trade the refresh token in the cookie, once, for new cookies."""
    auth.set_cookies(response, await auth.refresh(request))
    return {"detail": "Your session goes on."}


@app.post("/session/logout")
async def logout(claims: Session, response: Response) -> dict[str, str]:
    """End the session of a refresh token, which a browser has in a cookie."""
    await shop.engine.revoke_session(claims)
    auth.clear_cookies(response)
    return {"detail": "You are logged out."}


@app.post("/session/logout/everywhere")
async def log_out_everywhere(claims: Session) -> dict[str, str]:
    """End all sessions of the user, on every device."""
    await shop.engine.revoke_subject(claims.sub)
    return {"detail": "You are logged out everywhere."}


@app.get("/claims")
async def read_claims(claims: Somebody) -> dict[str, object]:
    """Give back the additional claims that the login put into the token."""
    return {"foo": claims.foo}


@app.get("/orders")
async def read_orders(claims: Reader) -> dict[str, str]:
    """Need a scope that every login gives."""
    return {"orders_of": claims.sub}


@app.post("/orders")
async def place_order(claims: Somebody) -> dict[str, str]:
    """Need a CSRF token besides an access token that is in a cookie."""
    return {"ordered_by": claims.sub}


@app.delete("/orders")
async def delete_orders(claims: Writer) -> dict[str, str]:
    """Need a scope that no login gives."""
    return {"deleted_orders_of": claims.sub}


@app.websocket("/ws")
async def echo(websocket: WebSocket, claims: Somebody) -> None:
    """Send everything back for as long as the session lasts."""
    await websocket.accept()
    async with auth.while_valid(websocket, claims, check_every=shop.CHECK_EVERY):
        async for text in websocket.iter_text():
            await websocket.send_text(text)
