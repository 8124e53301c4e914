"""The program of the page about security events."""

import pytest

from tests.docs.pages import ROOT, blocks_of, run
from tests.support import signed
from tokenward import Key, KeyRing, TokenRevokedError
from tokenward.testing.adapters.service import client_of
from tokenward.tokens import ProviderLogin

PAGE = ROOT / "docs" / "security-events.md"
ISSUER = "https://login.example/"
EVENT = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
AUTHORIZATION = "Bearer h480djs93hd8"


async def test_the_program_runs(monkeypatch):
    """An event ends the session of the login, if the transmitter sends its secret."""
    from fastapi import FastAPI

    key = Key.generate("RS256", kid="p")
    monkeypatch.setattr("tokenward.RemoteKeySet", lambda *_, **__: KeyRing(key))
    monkeypatch.setenv("EVENTS_AUTHORIZATION", AUTHORIZATION)
    names = {"app": FastAPI()}
    (program,) = blocks_of(PAGE)
    await run(program, names)
    engine = names["engine"]
    login = ProviderLogin(issuer=ISSUER, subject="a", session="b")
    pair = await engine.issue_pair("user 7", provider_login=login)

    members = {
        "iss": ISSUER,
        "aud": "https://shop.example/events",
        "iat": engine.now(),
        "jti": "1",
        "sub_id": {"format": "iss_sub", "iss": ISSUER, "sub": "a"},
        "events": {EVENT: {}},
    }
    header = {"alg": "RS256", "kid": "p", "typ": "secevent+jwt"}
    token = signed(members, key=key, header=header)
    sent = {"Content-Type": "application/secevent+jwt"}
    async with client_of(names["app"]) as client:
        response = await client.post("/events", content=token, headers=sent)
        assert (response.status_code, response.json()["err"]) == (400, "authentication_failed")
        assert await engine.decode(pair.access_token)
        sent["Authorization"] = AUTHORIZATION
        assert (await client.post("/events", content=token, headers=sent)).status_code == 202
    with pytest.raises(TokenRevokedError):
        await engine.decode(pair.access_token)
