"""What a type checker must see of an engine from settings; it is checked by mypy, and never run."""

from typing import assert_type

from tokenward import Claims, MemoryStore, RevocationStore, TokenEngine
from tokenward.errors import InvalidTokenError
from tokenward.keys import KeySource
from tokenward.settings import TokenwardSettings, engine_from_settings
from tokenward.tokens import list_faults, read_unverified


class ShopClaims(Claims):
    """A user's claims."""

    tenant: str


settings = TokenwardSettings()
plain = engine_from_settings()
shop = engine_from_settings(settings, claims_model=ShopClaims, store=MemoryStore())
assert_type(plain, TokenEngine[Claims])
assert_type(shop, TokenEngine[ShopClaims])
assert_type(shop.store, RevocationStore | None)
assert_type(settings.to_keys(), KeySource)
engine: TokenEngine[ShopClaims] = shop


async def serve() -> None:
    """Close the engine at the end."""
    async with engine_from_settings(claims_model=ShopClaims).running() as opened:
        assert_type(opened, TokenEngine[ShopClaims])
        assert_type((await opened.decode("")).tenant, str)


token = read_unverified("", max_bytes=1)
assert_type(
    list_faults(token, plain.policy, keys=plain.keys, now=plain.now()), list[InvalidTokenError]
)
