"""What a type checker must see of several issuers; it is checked by mypy, and never run."""

from datetime import UTC, datetime
from typing import assert_type

from tokenward import (
    Claims,
    Issuers,
    KeyRing,
    MemoryStore,
    PrefixedStore,
    RemoteKeySet,
    RevocationStore,
    TokenEngine,
    TokenPolicy,
)
from tokenward.engine import FormerEngine, TokenVerifier
from tokenward.http import Authenticator, Requirement
from tokenward.keys import KeySource
from tokenward_fastapi import TokenAuth


class ShopClaims(Claims):
    """A user's claims."""

    tenant: str


class PartnerClaims(Claims):
    """Another issuer's."""

    partner: str


keys: KeySource = RemoteKeySet("https://login.example/keys")
store: RevocationStore = PrefixedStore(MemoryStore(), "https://login.example")
shop = TokenEngine(KeyRing.generate(), claims_model=ShopClaims)
partner = TokenEngine(keys, claims_model=PartnerClaims)
plain = TokenEngine(keys)
tenants = TokenPolicy(issuer=["https://login.example/red", "https://login.example/blue"])
same = Issuers(shop, shop)
both = Issuers(shop, partner)
three = Issuers(shop, partner, plain)
until = datetime(2027, 3, 1, tzinfo=UTC)
former = FormerEngine(keys, until=until, policy=TokenPolicy())
former_shop = FormerEngine(keys, until=until, policy=TokenPolicy(), claims_model=ShopClaims)
verifiers: list[TokenVerifier[ShopClaims]] = [shop, same]


async def use() -> None:
    """Use them as a handler would."""
    assert_type(same, Issuers[ShopClaims])
    assert_type(both, Issuers[ShopClaims | PartnerClaims])
    assert_type(await both.decode("token"), ShopClaims | PartnerClaims)
    assert_type(await three.decode("token"), ShopClaims | PartnerClaims | Claims)
    assert_type(former, FormerEngine[Claims])
    assert_type(Issuers(shop, former), Issuers[ShopClaims | Claims])
    assert_type(Issuers(shop, former_shop), Issuers[ShopClaims])
    assert_type(await TokenAuth(same).required()(), ShopClaims)
    assert_type(await TokenAuth(both).required()(), ShopClaims | PartnerClaims)
    assert_type(await Authenticator(both).verify(None, Requirement()), ShopClaims | PartnerClaims)
    assert_type(await Authenticator(shop).verify("token", Requirement(scopes=["a"])), ShopClaims)
    TokenAuth(both).required(check=lambda claims: isinstance(claims, ShopClaims))
