"""A service in FastAPI that requires a token on every route, and has endpoints for forms."""

from collections.abc import Mapping
from typing import Any

from fastapi import Depends, FastAPI

from tests.adapters.fastapi_keys import documented_paths
from tokenward import TokenEngine
from tokenward.http import FormEndpoint
from tokenward_fastapi import TokenAuth

__all__ = ["build", "documented_paths"]


def build(engine: TokenEngine[Any], endpoints: Mapping[str, FormEndpoint]) -> FastAPI:
    """Build the service."""
    auth = TokenAuth(engine)
    app = FastAPI(dependencies=[Depends(auth.required())])
    auth.init_app(app)
    for path, endpoint in endpoints.items():
        auth.add_endpoint(app, path, endpoint)

    @app.get("/guarded")
    async def guarded() -> dict[str, bool]:
        return {"guarded": True}

    return app
