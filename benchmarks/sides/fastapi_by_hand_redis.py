"""A hand-written dependency with PyJWT in FastAPI, which asks a Redis whether the token is revoked.

``--store`` is the URL of the Redis, with the prefix of the keys as its fragment.
"""

from typing import Annotated

import jwt
from asgi import PATH
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi_bare import RUNS_ON, open_apps
from material import REVOKED, Material
from pyjwt_by_hand import Checker, Claims
from redis.asyncio import Redis
from requesting import Service, run

bearer = HTTPBearer()


async def build(material: Material, algorithm: str, place: str) -> Service:
    """Build the service, with one revoked token."""
    url, _, prefix = place.partition("#")
    app, checker, redis = FastAPI(), Checker(material, algorithm, revoked=()), Redis.from_url(url)
    await redis.set(f"{prefix}{REVOKED}", "")

    async def current_claims(
        credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)],
    ) -> Claims:
        try:
            claims = checker.claims_of(credentials.credentials)
        except jwt.InvalidTokenError:
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"}) from None
        if await redis.exists(f"{prefix}{claims['jti']}"):
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        return claims

    @app.get(PATH)
    async def user(claims: Annotated[Claims, Depends(current_claims)]) -> dict[str, str]:
        return {"user": claims["sub"]}

    return Service(open=open_apps(), guarded={"main": app}, runs_on=(*RUNS_ON, "redis"))


if __name__ == "__main__":
    run(build)
