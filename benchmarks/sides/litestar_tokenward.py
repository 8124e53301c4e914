"""Tokenward in Litestar: a guard and the plugin, as the README shows them."""

from typing import Any

from asgi import PATH
from litestar import Litestar, Request, get
from litestar_bare import RUNS_ON, open_apps
from material import Material
from requesting import Service, run
from tokenward_engine import ShopClaims, cache_checks, engine_with_revoked_token

from tokenward_litestar import TokenAuth


async def build(material: Material, algorithm: str) -> Service:
    """Build the service."""
    engine = await engine_with_revoked_token(material, algorithm)
    auth = TokenAuth(engine)

    @get(PATH, guards=[auth.required()])
    async def user(request: Request[Any, ShopClaims, Any]) -> dict[str, str]:
        return {"user": request.auth.sub}

    app = Litestar([user], plugins=[auth])
    return Service(
        open=open_apps(),
        guarded={"main": app},
        runs_on=(*RUNS_ON, "pydantic"),
        **await cache_checks(engine, material, algorithm),
    )


if __name__ == "__main__":
    run(build)
