"""A small shop behind Tokenward, on FastAPI. Run it with ``uvicorn fastapi_app:app``."""

import os
import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Security
from pydantic import BaseModel

from tokenward import Claims, KeyRing, MemoryStore, TokenEngine, TokenPair, TokenPolicy
from tokenward_fastapi import TokenAuth


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
auth = TokenAuth(engine)
app = FastAPI(title="A shop behind Tokenward")
auth.init_app(app)

# A service has a database here, and hashes its passwords.
USERS = {"test": "test"}


class Refresh(BaseModel):
    """A refresh token, named as in RFC 6749 §6."""

    refresh_token: str


class Login(BaseModel):
    """A user name and a password."""

    username: str
    password: str


@app.post("/login")
async def login(user: Login) -> TokenPair:
    """Trade a password for an access and a refresh token of one session."""
    if USERS.get(user.username) != user.password:
        raise HTTPException(401, "Bad username or password")
    return await engine.issue_pair(
        user.username, claims={"foo": ["fiz", "baz"]}, scope=["orders:read"], fresh=True
    )


@app.get("/claims")
async def claims(claims: Annotated[ShopClaims, Depends(auth.required())]) -> dict[str, object]:
    """Give back the additional claims that the login put into the token."""
    return {"foo": claims.foo}


@app.get("/orders")
async def orders(
    claims: Annotated[ShopClaims, Security(auth.required(), scopes=["orders:read"])],
) -> dict[str, str]:
    """Need a scope that every login gives."""
    return {"orders_of": claims.sub}


@app.delete("/orders")
async def delete_orders(
    claims: Annotated[ShopClaims, Depends(auth.required(scopes=["orders:write"], fresh=True))],
) -> dict[str, str]:
    """Need a scope that no login gives."""
    return {"deleted_orders_of": claims.sub}


@app.post("/refresh")
async def refresh(body: Refresh) -> TokenPair:
    """Trade a refresh token, once, for a new pair of the same session."""
    return await engine.refresh(body.refresh_token)


@app.post("/logout")
async def logout(claims: Annotated[ShopClaims, Depends(auth.required())]) -> dict[str, str]:
    """End the session: its access tokens and its refresh token."""
    await engine.revoke_session(claims)
    return {"detail": "You are logged out."}


@app.post("/logout/everywhere")
async def log_out_everywhere(
    claims: Annotated[ShopClaims, Depends(auth.required())],
) -> dict[str, str]:
    """End all sessions of the user, on every device."""
    await engine.revoke_subject(claims.sub)
    return {"detail": "You are logged out everywhere."}
