"""What a type checker must see; it is checked by mypy, and never run."""

from typing import assert_type

from tokenward import Claims, KeyRing, MemoryStore, RevocationStore, TokenEngine, TokenPair
from tokenward_fastapi import TokenAuth


class ShopClaims(Claims):
    """A user's claims."""

    tenant: str


plain = TokenEngine(KeyRing.generate())
typed = TokenEngine(KeyRing.generate(), claims_model=ShopClaims)
store: RevocationStore = MemoryStore()


@typed.after_decode
async def look(claims: ShopClaims) -> None:
    """Be given the user's own model."""
    assert_type(claims.tenant, str)


@typed.is_revoked
def deny(claims: ShopClaims) -> bool:
    """Be given the user's own model."""
    return claims.tenant == "closed"


async def use() -> None:
    """Use the engine as a handler would."""
    assert_type(plain, TokenEngine[Claims])
    assert_type(typed, TokenEngine[ShopClaims])
    claims = await typed.decode("token")
    assert_type(claims, ShopClaims)
    assert_type(claims.sub, str)
    assert_type(claims.exp, float | None)
    assert_type(await typed.issue("alice"), str)
    assert_type(await typed.refresh("token"), TokenPair)
    assert_type(await TokenAuth(typed).required()(), ShopClaims)
    assert_type(await TokenAuth(typed).optional()(), ShopClaims | None)
    TokenAuth(typed).required(check=lambda claims: claims.tenant == "acme")
