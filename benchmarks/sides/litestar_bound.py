"""The least code that checks a token in full, as a guard of Litestar."""

from typing import Any

from asgi import PATH
from bound import CHALLENGE, Bound, RefusedError, bound_checks
from litestar import Litestar, Request, get
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar_bare import RUNS_ON, open_apps
from material import Material
from requesting import Service, run
from typed_claims import TypedClaims


async def build(material: Material, algorithm: str) -> Service:
    """Build the service."""
    bound = Bound(material, algorithm)

    async def guard(
        connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler
    ) -> None:
        try:
            connection.scope["auth"] = bound.claims_of(connection.scope["headers"])
        except RefusedError:
            raise NotAuthorizedException(headers=CHALLENGE) from None

    @get(PATH, guards=[guard])
    async def user(request: Request[Any, TypedClaims, Any]) -> dict[str, str]:
        return {"user": request.auth.sub}

    return Service(
        open=open_apps(),
        guarded={"main": Litestar([user])},
        runs_on=(*RUNS_ON, "pydantic"),
        **bound_checks(bound),
    )


if __name__ == "__main__":
    run(build)
