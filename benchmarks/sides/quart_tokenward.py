"""Tokenward in Quart: a decorator, as the README shows it."""

from asgi import PATH
from material import Material
from quart import Quart
from quart_bare import RUNS_ON, open_apps
from requesting import Service, run
from tokenward_engine import cache_checks, engine_with_revoked_token

from tokenward_quart import TokenAuth


async def build(material: Material, algorithm: str) -> Service:
    """Build the service."""
    engine = await engine_with_revoked_token(material, algorithm)
    app, auth = Quart(__name__), TokenAuth(engine)
    auth.init_app(app)

    @app.get(PATH)
    @auth.required()
    async def user() -> dict[str, str]:
        return {"user": auth.current_claims.sub}

    return Service(
        open=open_apps(),
        guarded={"main": app},
        runs_on=(*RUNS_ON, "pydantic"),
        **await cache_checks(engine, material, algorithm),
    )


if __name__ == "__main__":
    run(build)
