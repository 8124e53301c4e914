"""A service in Litestar that requires a token on every route, and has endpoints for forms."""

from collections.abc import Mapping
from typing import Any

from litestar import Litestar, get
from litestar.config.csrf import CSRFConfig

from tests.adapters.litestar_keys import documented_paths
from tokenward import TokenEngine
from tokenward.http import FormEndpoint
from tokenward_litestar import TokenAuth

__all__ = ["build", "documented_paths"]


def build(
    engine: TokenEngine[Any], endpoints: Mapping[str, FormEndpoint], *, csrf: bool = False
) -> Litestar:
    """Build the service, with or without Litestar's own middleware against CSRF."""
    auth = TokenAuth(engine)

    @get("/guarded")
    async def guarded() -> dict[str, bool]:
        return {"guarded": True}

    config = CSRFConfig(secret="s" * 32) if csrf else None
    app = Litestar([guarded], guards=[auth.required()], plugins=[auth], csrf_config=config)
    for path, endpoint in endpoints.items():
        auth.add_endpoint(app, path, endpoint)
    return app
