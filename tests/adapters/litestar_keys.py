"""A service in Litestar that requires a token on every route and publishes its keys."""

from litestar import Litestar, get

from tests.support import ShopClaims
from tokenward import KeyPublisher, TokenEngine
from tokenward_litestar import TokenAuth


def build(engine: TokenEngine[ShopClaims], publisher: KeyPublisher) -> Litestar:
    """Build the service."""
    auth = TokenAuth(engine)

    @get("/guarded")
    async def guarded() -> dict[str, bool]:
        return {"guarded": True}

    app = Litestar([guarded], guards=[auth.required()], plugins=[auth])
    auth.publish_keys(app, publisher)
    return app


def documented_paths(app: Litestar) -> set[str]:
    """Return the paths of the OpenAPI document."""
    return set(app.openapi_schema.paths or ())
