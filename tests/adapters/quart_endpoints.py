"""A service in Quart that requires a token on every route, and has endpoints for forms."""

from collections.abc import Mapping
from typing import Any

from quart import Quart

from tests.adapters.quart_keys import documented_paths
from tokenward import TokenEngine
from tokenward.http import FormEndpoint
from tokenward_quart import TokenAuth

__all__ = ["build", "documented_paths"]


def build(engine: TokenEngine[Any], endpoints: Mapping[str, FormEndpoint]) -> Quart:
    """Build the service."""
    auth = TokenAuth(engine)
    app = Quart(__name__)
    auth.init_app(app)
    for path, endpoint in endpoints.items():
        auth.add_endpoint(app, path, endpoint)

    @app.before_request
    @auth.required()
    async def guard() -> None:
        assert auth.current_claims

    @app.get("/guarded")
    async def guarded() -> dict[str, bool]:
        return {"guarded": True}

    return app
