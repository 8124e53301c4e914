"""The programs of the page about logging out with the identity provider."""

from types import SimpleNamespace

import pytest

from tests.docs.pages import ROOT, blocks_of, run
from tests.support import payload_of, signed
from tokenward import Key, KeyRing, MemoryStore, TokenEngine, TokenPolicy, TokenRevokedError
from tokenward.testing.adapters.service import client_of

PAGE = ROOT / "docs" / "back-channel-logout.md"
ISSUER = "https://login.example/"
EVENT = {"http://schemas.openid.net/event/backchannel-logout": {}}


async def test_the_programs_run(monkeypatch):
    """A logout token ends the session of the login, and what the hook finds."""
    from fastapi import FastAPI

    key = Key.generate("RS256", kid="p")
    monkeypatch.setattr(
        "tokenward.RemoteKeySet.from_issuer", lambda *_, **__: KeyRing(key), raising=True
    )

    class Users:
        async def find_by_login(self, issuer, subject):
            return SimpleNamespace(id="user 7") if (issuer, subject) == (ISSUER, "a") else None

    policy = TokenPolicy(issuer=ISSUER, required_claims={"exp", "sub"}, type_source="always-access")
    public = KeyRing(Key.from_jwk(key.public_jwk()))
    login_engine = TokenEngine(public, policy=policy, store=MemoryStore())
    names = {"app": FastAPI(), "login_engine": login_engine, "users": Users()}
    own, of_provider, with_hook = blocks_of(PAGE)
    await run(own, names)
    engine = names["engine"]
    pair = await names["begin_session"]({"iss": ISSUER, "sub": "a", "sid": "b"})
    with_password = await engine.issue_pair("user 7")

    def token(jti):
        now = engine.now()
        whole = payload_of(now, iss=ISSUER, aud="shop-web", sub="a", sid="b", jti=jti)
        return {"logout_token": signed({**whole, "events": EVENT, "nbf": now - 1}, key=key)}

    async with client_of(names["app"]) as client:
        assert (await client.post("/backchannel-logout", data=token("1"))).status_code == 200
        with pytest.raises(TokenRevokedError):
            await engine.decode(pair.access_token)
        assert await engine.decode(with_password.access_token)

        await run(of_provider, names)
        names["auth"].add_endpoint(names["app"], "/of-provider", names["logout"])
        assert (await client.post("/of-provider", data=token("2"))).status_code == 200

        hooked = with_hook.replace("LogoutEndpoint(\n", "hooked = LogoutEndpoint(\n", 1)
        await run(hooked, names)
        names["auth"].add_endpoint(names["app"], "/hooked", names["hooked"])
        assert (await client.post("/hooked", data=token("3"))).status_code == 200
    with pytest.raises(TokenRevokedError):
        await engine.decode(with_password.access_token)
