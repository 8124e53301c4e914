"""The least code that checks a token in full, as a dependency of FastAPI."""

from typing import Annotated

from asgi import PATH
from bound import CHALLENGE, Bound, RefusedError, bound_checks
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi_bare import RUNS_ON, open_apps
from material import Material
from requesting import Service, run
from typed_claims import TypedClaims


async def build(material: Material, algorithm: str) -> Service:
    """Build the service."""
    app, bound = FastAPI(), Bound(material, algorithm)

    async def current_claims(request: Request) -> TypedClaims:
        try:
            return bound.claims_of(request.scope["headers"])
        except RefusedError:
            raise HTTPException(401, headers=CHALLENGE) from None

    @app.get(PATH)
    async def user(claims: Annotated[TypedClaims, Depends(current_claims)]) -> dict[str, str]:
        return {"user": claims.sub}

    return Service(open=open_apps(), guarded={"main": app}, runs_on=RUNS_ON, **bound_checks(bound))


if __name__ == "__main__":
    run(build)
