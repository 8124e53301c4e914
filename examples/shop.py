"""A small shop behind Tokenward: what the three examples share, without a web framework.

`fastapi_app`, `litestar_app` and `quart_app` implement the same service.
"""

import os
import secrets
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

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
from tokenward.engine import SessionList


class ShopClaims(Claims):
    """The claims of this shop's tokens, in addition to the registered ones."""

    foo: tuple[str, ...]


# Without a configured secret, tokens are valid only until this process ends.
SECRET = os.environ.get("TOKENWARD_SECRET") or secrets.token_hex(32)

engine = TokenEngine(
    KeyRing.from_secret(SECRET),
    policy=TokenPolicy(
        issuer="https://shop.example",
        audience="shop-api",
        access_lifetime=timedelta(minutes=15),
        refresh_lifetime=timedelta(days=14),  # a session that is idle for longer ends
        session_lifetime=timedelta(days=90),  # every session ends after this time
    ),
    claims_model=ShopClaims,
    store=MemoryStore(),  # for one process; for several use RedisStore(url) or SqlStore(url)
    session_list=SessionList(),  # users see where they are logged in
)

# Programs send a header, browsers send cookies. Browsers send the refresh token only to the routes
# under /session. The logout is one of them, so that it also works once the access token has expired.
CARRIERS = (BearerHeader(), CookieCarrier(refresh_path="/session"))
NO_STORE = {"Cache-Control": "no-store"}  # for responses with tokens (RFC 6749 §5.1)
CHECK_EVERY = timedelta(seconds=1)

# A real service has a database and stores hashes of the passwords.
USERS = {"test": "test"}


def _printable(text: str) -> str:
    if not text.isprintable():
        msg = "It has a character that cannot be printed."
        raise ValueError(msg)
    return text


class Login(BaseModel):
    """A user name and a password, and what the user calls the device."""

    username: str
    password: str
    # A label of a session, as `issue_pair` accepts it.
    device: (
        Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)] | None
    ) = None


class Message(BaseModel):
    """What the service did."""

    detail: str


class AdditionalClaims(BaseModel):
    """The claims that the login put into the token."""

    foo: tuple[str, ...]


class Orders(BaseModel):
    """The user whose orders were read."""

    orders_of: str


class PlacedOrder(BaseModel):
    """The user who placed the order."""

    ordered_by: str


class DeletedOrders(BaseModel):
    """The user whose orders were deleted."""

    deleted_orders_of: str


class Device(BaseModel):
    """A device where the user is logged in."""

    session: str
    label: str | None
    began_at: datetime
    refreshed_at: datetime
    is_current: bool


class Devices(BaseModel):
    """The devices where the user is logged in, the latest login first."""

    devices: list[Device]


class EndedSession(BaseModel):
    """Whether the user had this open session."""

    ended: bool


class BadPasswordError(Exception):
    """The user is unknown or the password is wrong; the message does not tell which."""

    def __init__(self) -> None:
        super().__init__("Bad username or password")


def refusal_of(error: Exception) -> tuple[dict[str, str], int]:
    """Return the body and the status that answer a failed login or a bad request body.

    The body has the members of Tokenward's refusals, so clients need one model for all errors. It
    contains nothing of the request: a client may have sent a password, or a value that JSON cannot
    express.
    """
    if isinstance(error, BadPasswordError):
        return {"detail": str(error), "code": "bad_password"}, 401
    return {"detail": "Bad request body", "code": "bad_request"}, 400


async def open_session(user: Login) -> TokenPair:
    """Check the password and return the tokens of a new session.

    Raises:
        BadPasswordError: the user is unknown, or the password is wrong.
    """
    if USERS.get(user.username) != user.password:
        raise BadPasswordError
    return await engine.issue_pair(
        user.username,
        claims={"foo": ["fiz", "baz"]},
        scopes=["orders:read"],
        fresh=True,
        label=user.device,
    )


async def devices_of(claims: ShopClaims) -> Devices:
    """Return the open sessions of the user; the current one is that of the request's token."""
    return Devices(
        devices=[
            Device(
                session=each.session,
                label=each.label,
                began_at=each.began_at,
                refreshed_at=each.refreshed_at,
                is_current=each.session == claims.sid,
            )
            for each in await engine.sessions(claims)
        ]
    )


async def end_device(claims: ShopClaims, session: str) -> EndedSession:
    """End a session of the user; the session of another user is not ended."""
    return EndedSession(ended=await engine.end_session(claims, session))
