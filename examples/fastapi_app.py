"""The shop on FastAPI: ``uvicorn fastapi_app:app``, for browsers ``demo.py --serve fastapi``."""

from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response, Security, WebSocket
from fastapi.responses import JSONResponse

import shop
from tokenward_fastapi import TokenAuth

app = FastAPI(title="A shop behind Tokenward")
app.add_exception_handler(
    shop.BadPasswordError, lambda _, error: JSONResponse({"detail": str(error)}, 401)
)
auth = TokenAuth(shop.engine, carriers=shop.CARRIERS)
auth.init_app(app)
app.add_middleware(shop.BrowserPage)

Session = Annotated[shop.ShopClaims, Depends(auth.required(type="refresh"))]
Customer = Annotated[shop.ShopClaims, Depends(auth.required())]
Reader = Annotated[shop.ShopClaims, Security(auth.required(), scopes=["orders:read"])]
Writer = Annotated[shop.ShopClaims, Depends(auth.required(scopes=["orders:write"], fresh=True))]


@app.post("/login")
async def login(user: shop.Login, response: Response) -> dict[str, str | int]:
    """Check the password and return the access and refresh token of a new session."""
    response.headers.update(shop.NO_STORE)
    return (await shop.open_session(user)).json_body()


@app.post("/refresh")
async def refresh(request: Request, response: Response) -> dict[str, str | int]:
    """Exchange the refresh token in the header for a new pair of the same session."""
    response.headers.update(shop.NO_STORE)
    return (await auth.refresh(request)).json_body()


@app.post("/session")
async def log_in(user: shop.Login, request: Request, response: Response) -> dict[str, str]:
    """Check the password and set the tokens as cookies, which no script can read."""
    auth.check_origin(request)
    auth.set_cookies(response, await shop.open_session(user))
    return {"detail": "You are logged in."}


@app.post("/session/refresh")
async def refresh_session(request: Request, response: Response) -> dict[str, str]:
    """Exchange the refresh token in the cookie for new cookies."""
    auth.set_cookies(response, await auth.refresh(request))
    return {"detail": "Your session goes on."}


@app.post("/session/logout")
async def logout(claims: Session, response: Response) -> dict[str, str]:
    """End the session of the refresh token, which browsers send in a cookie."""
    await shop.engine.revoke_session(claims)
    auth.clear_cookies(response)
    return {"detail": "You are logged out."}


@app.post("/session/logout/everywhere")
async def log_out_everywhere(claims: Session) -> dict[str, str]:
    """End all sessions of the user on all devices."""
    await shop.engine.revoke_subject(claims.sub)
    return {"detail": "You are logged out everywhere."}


@app.get("/claims")
async def read_claims(claims: Customer) -> dict[str, object]:
    """Return the additional claims that the login put into the token."""
    return {"foo": claims.foo}


@app.get("/orders")
async def read_orders(claims: Reader) -> dict[str, str]:
    """Require a scope that every login grants."""
    return {"orders_of": claims.sub}


@app.post("/orders")
async def place_order(claims: Customer) -> dict[str, str]:
    """Require an access token, and its CSRF token if it comes in a cookie."""
    return {"ordered_by": claims.sub}


@app.delete("/orders")
async def delete_orders(claims: Writer) -> dict[str, str]:
    """Require a scope that no login grants."""
    return {"deleted_orders_of": claims.sub}


@app.websocket("/ws")
async def echo(websocket: WebSocket, claims: Customer) -> None:
    """Send every message back until the session ends."""
    await websocket.accept()
    async with auth.while_valid(websocket, claims, check_every=shop.CHECK_EVERY):
        async for text in websocket.iter_text():
            await websocket.send_text(text)
