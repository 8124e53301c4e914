"""Tokenward for Quart: a decorator that requires a valid token before a handler runs.

::

    auth = TokenAuth(engine)
    auth.init_app(app)

    @app.get("/orders")
    @auth.required(scopes=["orders:read"])
    async def orders():
        return {"orders_of": current_claims.sub}
"""

from tokenward_quart._auth import TokenAuth
from tokenward_quart._claims import current_claims

__all__ = ["TokenAuth", "current_claims"]
