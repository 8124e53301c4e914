"""Litestar's own JWTAuth with handlers for users and revoked tokens, as its documentation shows, and issuing."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from answering import steady
from asgi import PATH
from litestar import Litestar, Request, get
from litestar.connection import ASGIConnection
from litestar.security.jwt import JWTAuth, Token
from litestar_bare import RUNS_ON, open_apps
from material import AUDIENCE, EXTRA, ISSUER, REVOKED, SUBJECT, Material
from requesting import Service, run

Connection = ASGIConnection[Any, Any, Any, Any]


@dataclass
class User:
    """The user of a request."""

    id: str


async def retrieve_user(token: Token, _connection: Connection) -> User:
    """Return the user of a token."""
    return User(token.sub)


async def is_revoked(token: Token, _connection: Connection) -> bool:
    """Whether a token is revoked."""
    return token.jti == REVOKED


def configured(key: str, algorithm: str) -> JWTAuth[User]:
    """Configure JWTAuth with one key, which it uses for verifying and for signing."""
    return JWTAuth[User](
        token_secret=key,
        algorithm=algorithm,
        retrieve_user_handler=retrieve_user,
        revoked_token_handler=is_revoked,
        accepted_audiences=[AUDIENCE],
        accepted_issuers=[ISSUER],
    )


async def build(material: Material, algorithm: str) -> Service:
    """Build the service."""
    # The route gets the public key: with the private key each request would take tens of milliseconds.
    auth = configured(material.key(algorithm, "public"), algorithm)
    issuing = configured(material.key(algorithm, "private"), algorithm)

    @get(PATH)
    async def user(request: Request[User, Token, Any]) -> dict[str, str]:
        return {"user": request.user.id}

    def issue(_: object) -> str:
        return issuing.create_token(
            SUBJECT,
            token_issuer=ISSUER,
            token_audience=AUDIENCE,
            token_unique_jwt_id=uuid4().hex,
            token_extras=EXTRA,
        )

    app = Litestar([user], on_app_init=[auth.on_app_init])
    return Service(
        open=open_apps(),
        guarded={"main": app},
        further={"issue": steady(issue)},
        runs_on=RUNS_ON,
    )


if __name__ == "__main__":
    run(build)
