"""Tokenward for Litestar: a guard, and a plugin.

::

    auth = TokenAuth(engine)

    @get("/orders", guards=[auth.required(scopes=["orders:read"])])
    async def orders(claims: NamedDependency[ShopClaims]) -> ...: ...

    app = Litestar([orders], plugins=[auth])
"""

from tokenward_litestar._auth import TokenAuth

__all__ = ["TokenAuth"]
