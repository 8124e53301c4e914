"""A service in FastAPI that requires a token on every route and publishes its keys."""

from fastapi import Depends, FastAPI

from tests.support import ShopClaims
from tokenward import KeyPublisher, TokenEngine
from tokenward_fastapi import TokenAuth


def build(engine: TokenEngine[ShopClaims], publisher: KeyPublisher) -> FastAPI:
    """Build the service."""
    auth = TokenAuth(engine)
    app = FastAPI(dependencies=[Depends(auth.required())])
    auth.init_app(app)
    auth.publish_keys(app, publisher)

    @app.get("/guarded")
    async def guarded() -> dict[str, bool]:
        return {"guarded": True}

    return app


def documented_paths(app: FastAPI) -> set[str]:
    """Return the paths of the OpenAPI document."""
    return set(app.openapi()["paths"])
