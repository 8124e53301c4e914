"""The programs of the page about opaque tokens."""

import httpx
import pytest

from tests.docs.pages import PAGES, blocks_of, names_of, run
from tests.support import NOW, FrozenClock
from tokenward import KeyRing, TokenEngine, TokenPolicy
from tokenward.engine.introspection import IntrospectedTokens
from tokenward.errors import WrongTokenTypeError

PAGE = "opaque-tokens.md"


@pytest.fixture
async def names(monkeypatch):
    """Return the names of the page's first program."""
    monkeypatch.setenv("INTROSPECTION_SECRET", "secret")
    return await names_of(PAGE)


async def test_the_policy_refuses_refresh_tokens(names):
    """Both tokens are active for their server."""

    def respond(request):
        kind = "access_token" if b"token=a" in request.content else "refresh_token"
        members = {"sub": "alice", "iss": "https://login.example/", "aud": "shop-api"}
        return httpx.Response(
            200, json=members | {"active": True, "exp": NOW + 60, "token_use": kind}
        )

    client = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    engine = IntrospectedTokens(
        "https://login.example/oauth/introspect",
        policy=names["opaque"].policy,
        client=client,
        clock=FrozenClock(),
    )
    assert (await engine.decode("a")).sub == "alice"
    with pytest.raises(WrongTokenTypeError):
        await engine.decode("b")


async def test_the_other_programs_run(names):
    """Beside an engine of JWTs, and with the keys of signed answers."""
    (path,) = [each for each in PAGES if each.name == PAGE]
    names["own_engine"] = TokenEngine(KeyRing.generate(), policy=TokenPolicy(issuer="https://x"))
    for block in blocks_of(path)[1:]:
        await run(block, names)
    assert len(names["auth"].authenticator.engine) == 2
    assert names["signed"].audience == "shop-api"
