"""The programs of the page about the engine."""

import logging
from collections import Counter

import pytest

from tests.docs.pages import block_with, names_of, run
from tokenward import RefreshTokenReusedError, TokenRejectedError, TokenRevokedError

PAGE = "engine.md"


async def test_the_engine_of_the_page_issues_tokens():
    """A token and a pair are for the issuer and the audience of the policy; the body names no empty member."""
    names = await run(block_with(PAGE, "issue_pair("), await names_of(PAGE))
    engine = names["engine"]
    claims = await engine.decode(names["token"])
    assert (claims.iss, claims.aud) == ("https://shop.example", "shop-api")
    assert claims.exp - claims.iat == 300

    body = (await run(block_with(PAGE, "body, headers = pair.json_body()"), names))["body"]
    assert (await engine.decode(body["access_token"])).extra == {"tenant": "acme"}
    assert "scope" not in body
    assert None not in body.values()


async def test_the_signature_cache():
    """The policy takes both settings, and the engine shows how often the cache was used."""
    await run(block_with(PAGE, "engine.signature_cache"), await names_of(PAGE))


async def test_the_hooks(shop, clock, caplog):
    """Each hook does what its comment says."""

    class DenyList:
        denied = ()

        async def contains(self, jti):
            return jti in self.denied

    async def tenant_of(subject):
        return {"alice": "acme", "bob": "closed"}[subject]

    caplog.set_level(logging.INFO)
    deny_list, log, refusals = DenyList(), logging.getLogger("shop"), Counter()
    given = {"tenant_of": tenant_of, "closed_tenants": {"closed"}, "deny_list": deny_list}
    given["refusals"] = refusals
    names = {**await names_of(PAGE), **given, "engine": shop, "log": log}
    await run(block_with(PAGE, "async def add_tenant(draft)"), names)

    claims = await shop.decode(await shop.issue("alice"))
    assert claims.tenant == "acme"
    with pytest.raises(TokenRejectedError):
        await shop.decode(await shop.issue("bob"))
    token = await shop.issue("alice")
    deny_list.denied = {(await shop.decode(token)).jti}
    with pytest.raises(TokenRevokedError):
        await shop.decode(token)
    pair = await shop.issue_pair("alice")
    await shop.refresh(pair.refresh_token)
    clock.advance(60)
    with pytest.raises(RefreshTokenReusedError):
        await shop.refresh(pair.refresh_token)
    assert [record.message for record in caplog.records] == [
        "Revoked a session.",
        "A refresh token was used twice.",
    ]
    assert refusals == {"token_rejected": 1, "token_revoked": 1, "refresh_token_reused": 1}
