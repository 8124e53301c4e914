"""What a type checker must see; it is checked by mypy, and never run."""

from collections.abc import Sequence
from typing import assert_type

import httpx

from tokenward import Claims, KeyRing, MemoryStore, RevocationStore, TokenEngine, TokenPair
from tokenward.engine import OpenSession, SessionList
from tokenward.http import FormEndpoint
from tokenward.http.logout import LogoutEndpoint, SecurityEventEndpoint, SecurityEventRules
from tokenward.http.service_auth import ServiceAuth
from tokenward.stores import SessionRecords
from tokenward.tokens import ProviderLogin
from tokenward_fastapi import TokenAuth


class ShopClaims(Claims):
    """A user's claims."""

    tenant: str


plain = TokenEngine(KeyRing.generate())
typed = TokenEngine(KeyRing.generate(), claims_model=ShopClaims)
store: RevocationStore = MemoryStore()
records: SessionRecords = MemoryStore().session_records()
listing = TokenEngine(KeyRing.generate(), store=store, session_list=SessionList(max_sessions=5))
login = ProviderLogin(issuer="https://login.example/", subject="a", session="b")
logout: FormEndpoint = LogoutEndpoint(typed, client_id="shop-web", ends="subject")
events: FormEndpoint = SecurityEventEndpoint(
    typed,
    keys=KeyRing.generate(),
    issuer="https://login.example/",
    audience=["a", "b"],
    authorization="Bearer ...",
    rules=SecurityEventRules(session_ids="sid"),
)
auth: httpx.Auth = ServiceAuth(
    typed, "https://orders.example", subject="billing", audience="orders"
)


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
    assert_type(await typed.sessions("alice"), Sequence[OpenSession])
    assert_type(await listing.end_session("alice", "sid"), bool)
    await typed.issue_pair("alice", provider_login=login, label="Phone")
    await typed.revoke_provider_login(login)
    assert_type(await typed.refresh("token"), TokenPair)
    assert_type(await TokenAuth(typed).required()(), ShopClaims)
    assert_type(await TokenAuth(typed).optional()(), ShopClaims | None)
    TokenAuth(typed).required(check=lambda claims: claims.tenant == "acme")
