"""The shop on Quart: ``uvicorn quart_app:app``, for browsers ``demo.py --serve quart``."""

from pydantic import ValidationError
from quart import Quart, Response, jsonify, request, websocket

import shop
from tokenward_quart import TokenAuth

app = Quart(__name__)
app.register_error_handler(ValidationError, shop.refusal_of)
app.register_error_handler(shop.BadPasswordError, shop.refusal_of)
auth = TokenAuth(shop.engine, carriers=shop.CARRIERS)
auth.init_app(app)


@app.post("/login")
async def login() -> tuple[Response, dict[str, str]]:
    """Check the password and return the access and refresh token of a new session."""
    user = shop.Login.model_validate_json(await request.get_data())
    return jsonify((await shop.open_session(user)).json_body()), shop.NO_STORE


@app.post("/refresh")
async def refresh() -> tuple[Response, dict[str, str]]:
    """Exchange the refresh token in the header for a new pair of the same session."""
    return jsonify((await auth.refresh(request)).json_body()), shop.NO_STORE


@app.post("/session")
async def log_in() -> Response:
    """Check the password and set the tokens as cookies, which no script can read."""
    auth.check_origin(request)
    user = shop.Login.model_validate_json(await request.get_data())
    response = jsonify(detail="You are logged in.")
    auth.set_cookies(response, await shop.open_session(user))
    return response


@app.post("/session/refresh")
async def refresh_session() -> Response:
    """Exchange the refresh token in the cookie for new cookies."""
    response = jsonify(detail="Your session goes on.")
    auth.set_cookies(response, await auth.refresh(request))
    return response


@app.post("/session/logout")
@auth.required(type="refresh")
async def logout() -> Response:
    """End the session of the refresh token, which browsers send in a cookie."""
    await shop.engine.revoke_session(auth.current_claims)
    response = jsonify(detail="You are logged out.")
    auth.clear_cookies(response)
    return response


@app.post("/session/logout/everywhere")
@auth.required(type="refresh")
async def log_out_everywhere() -> Response:
    """End all sessions of the user on all devices."""
    await shop.engine.revoke_subject(auth.current_claims.sub)
    return jsonify(detail="You are logged out everywhere.")


@app.get("/devices")
@auth.required()
async def read_devices() -> dict[str, object]:
    """List the sessions of the user, with the names that the logins gave them."""
    return (await shop.devices_of(auth.current_claims)).model_dump(mode="json")


@app.delete("/devices/<session>")
@auth.required()
async def end_device(session: str) -> dict[str, object]:
    """End one of the user's sessions, for example that of a lost phone."""
    return (await shop.end_device(auth.current_claims, session)).model_dump()


@app.get("/claims")
@auth.required()
async def read_claims() -> Response:
    """Return the additional claims that the login put into the token."""
    return jsonify(foo=auth.current_claims.foo)


@app.get("/orders")
@auth.required(scopes=["orders:read"])
async def read_orders() -> Response:
    """Require a scope that every login grants."""
    return jsonify(orders_of=auth.current_claims.sub)


@app.post("/orders")
@auth.required()
async def place_order() -> Response:
    """Require an access token, and its CSRF token if it comes in a cookie."""
    return jsonify(ordered_by=auth.current_claims.sub)


@app.delete("/orders")
@auth.required(scopes=["orders:write"], fresh=True)
async def delete_orders() -> Response:
    """Require a scope that no login grants."""
    return jsonify(deleted_orders_of=auth.current_claims.sub)


@app.websocket("/ws")
@auth.required()
async def echo() -> None:
    """Send every message back until the session ends."""
    async with auth.while_valid(websocket, auth.current_claims, check_every=shop.CHECK_EVERY):
        while True:
            await websocket.send(await websocket.receive())
