"""What a type checker must see of the adapters; it is checked by mypy, and never run."""

from collections.abc import Awaitable, Callable
from typing import assert_type

from litestar import get

import tokenward_fastapi
import tokenward_litestar
import tokenward_quart
from tokenward import BearerHeader, Claims, KeyRing, TokenEngine


class ShopClaims(Claims):
    """A user's claims."""

    tenant: str


engine = TokenEngine(KeyRing.generate(), claims_model=ShopClaims)
fastapi_auth = tokenward_fastapi.TokenAuth(engine, carriers=[BearerHeader()], realm="shop")
litestar_auth = tokenward_litestar.TokenAuth(engine, scheme_name="Shop", dependency_key="user")
quart_auth = tokenward_quart.TokenAuth(engine, carriers=[BearerHeader()], realm="shop")

assert_type(fastapi_auth, tokenward_fastapi.TokenAuth[ShopClaims])
assert_type(litestar_auth, tokenward_litestar.TokenAuth[ShopClaims])
assert_type(quart_auth, tokenward_quart.TokenAuth[ShopClaims])

assert_type(fastapi_auth.required(scopes=["a"]), Callable[..., Awaitable[ShopClaims]])
assert_type(fastapi_auth.optional(fresh=True), Callable[..., Awaitable[ShopClaims | None]])


@get("/", guards=[litestar_auth.required(check=lambda claims: claims.tenant == "acme")])
async def orders() -> dict[str, str]:
    """Handle a request in Litestar."""
    return {}


@quart_auth.required(check=lambda claims: claims.tenant == "acme")
async def hello(name: str) -> str:
    """Handle a request in Quart: the decorator keeps the type of the function."""
    assert_type(quart_auth.current_claims, ShopClaims)
    return name


async def use() -> None:
    """Call the decorated function as Quart does."""
    assert_type(await hello("Ada"), str)


# The parameters are known: a wrong name and a wrong value are errors.
fastapi_auth.required(scope=["a"])  # type: ignore[call-arg]
litestar_auth.optional(type="session")  # type: ignore[arg-type]
quart_auth.required(lambda: None)  # type: ignore[arg-type, call-arg]
