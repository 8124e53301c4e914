"""A service in Quart that requires a token on every route and publishes its keys."""

from importlib.util import find_spec

from quart import Quart

from tests.support import ShopClaims
from tokenward import KeyPublisher, TokenEngine
from tokenward_quart import TokenAuth


def build(engine: TokenEngine[ShopClaims], publisher: KeyPublisher) -> Quart:
    """Build the service."""
    auth = TokenAuth(engine)
    app = Quart(__name__)
    auth.init_app(app)
    auth.publish_keys(app, publisher)

    @app.before_request
    @auth.required()
    async def guard() -> None:
        assert auth.current_claims

    @app.get("/guarded")
    async def guarded() -> dict[str, bool]:
        return {"guarded": True}

    return app


def documented_paths(app: Quart) -> set[str]:
    """Return the paths of quart-schema's document, or without quart-schema those it would have."""
    if find_spec("quart_schema") is None:
        return {"/guarded"}
    from quart_schema import QuartSchema

    return set(QuartSchema(app).openapi_provider.schema()["paths"])
