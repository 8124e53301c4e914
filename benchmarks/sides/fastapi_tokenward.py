"""Tokenward in FastAPI: a dependency, as the README shows it."""

from typing import Annotated

from asgi import PATH
from fastapi import Depends, FastAPI
from fastapi_bare import RUNS_ON, open_apps
from material import Material
from requesting import Service, run
from tokenward_engine import ShopClaims, cache_checks, engine_with_revoked_token

from tokenward_fastapi import TokenAuth


async def build(material: Material, algorithm: str) -> Service:
    """Build the service."""
    engine = await engine_with_revoked_token(material, algorithm)
    app, auth = FastAPI(), TokenAuth(engine)
    auth.init_app(app)

    @app.get(PATH)
    async def user(claims: Annotated[ShopClaims, Depends(auth.required())]) -> dict[str, str]:
        return {"user": claims.sub}

    return Service(
        open=open_apps(),
        guarded={"main": app},
        runs_on=RUNS_ON,
        **await cache_checks(engine, material, algorithm),
    )


if __name__ == "__main__":
    run(build)
