"""Tokenward for Litestar: a plugin, and guards that require a valid token.

::

    from litestar import Litestar, get
    from litestar.di import NamedDependency  # Litestar 2.23 or newer

    auth = TokenAuth(engine)

    @get("/orders", guards=[auth.required(scopes=["orders:read"])])
    async def orders(claims: NamedDependency[ShopClaims]) -> ...: ...

    app = Litestar([orders], plugins=[auth])
"""

from tokenward_litestar._auth import TokenAuth

__all__ = ["TokenAuth"]
