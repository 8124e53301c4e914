"""A hand-written dependency with PyJWT in FastAPI, based on FastAPI's tutorial."""

from typing import Annotated

import jwt
from asgi import PATH
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi_bare import RUNS_ON, open_apps
from material import Material
from pyjwt_by_hand import Checker, Claims
from requesting import Service, run

bearer = HTTPBearer()


async def build(material: Material, algorithm: str) -> Service:
    """Build the service."""
    app, checker = FastAPI(), Checker(material, algorithm)

    async def current_claims(
        credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)],
    ) -> Claims:
        try:
            return checker.claims_of(credentials.credentials)
        except jwt.InvalidTokenError:
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"}) from None

    @app.get(PATH)
    async def user(claims: Annotated[Claims, Depends(current_claims)]) -> dict[str, str]:
        return {"user": claims["sub"]}

    return Service(open=open_apps(), guarded={"main": app}, runs_on=RUNS_ON)


if __name__ == "__main__":
    run(build)
