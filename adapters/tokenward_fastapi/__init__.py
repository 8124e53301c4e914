"""Tokenward for FastAPI: a dependency that returns the claims of a valid token.

::

    auth = TokenAuth(engine)
    auth.init_app(app)

    @app.get("/orders")
    async def orders(claims: Annotated[ShopClaims, Depends(auth.required(scopes=["orders:read"]))]): ...
"""

from tokenward_fastapi._auth import TokenAuth

__all__ = ["TokenAuth"]
