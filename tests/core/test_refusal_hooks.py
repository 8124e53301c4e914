"""The `on_refuse` hooks: each refused token and request is reported once, with its error."""

import gc

import pytest

from tests.core.http_requests import view
from tests.support import SECRET, engine_with, payload_of, signed
from tokenward import (
    BearerHeader,
    CookieCarrier,
    Issuers,
    KeyRing,
    MemoryStore,
    TokenEngine,
    TokenError,
    TokenPolicy,
)
from tokenward.http import Authenticator, Requirement

OURS = "https://shop.example"


@pytest.fixture
def reported(engine):
    """Return the list of codes that the engine reports."""
    codes = []
    engine.on_refuse(lambda error: codes.append(error.code))
    return codes


def request(method="GET", **headers):
    """Return the view of a request with these headers."""
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return view(*pairs, method=method)


async def refused(call):
    """Return the error of a call that is refused."""
    with pytest.raises(TokenError) as caught:
        await call
    return caught.value


async def test_a_refused_token_is_reported(engine, reported):
    """By `decode` and by `refresh`; an accepted one is not."""
    pair = await engine.issue_pair("alice")
    await engine.decode(pair.access_token)
    await engine.refresh(pair.refresh_token)
    assert reported == []
    assert (await refused(engine.decode("a.b.c"))).code == reported.pop()
    await refused(engine.refresh(pair.access_token))
    await refused(engine.refresh(pair.refresh_token, check=lambda claims: False))
    await engine.revoke_session((await engine.decode(pair.access_token)).sid)
    await refused(engine.decode(pair.access_token))
    assert reported == ["token_type_invalid", "permission_denied", "token_revoked"]


async def test_an_authenticator_reports_what_it_refuses_itself(engine, reported):
    """What the engine has refused is reported once."""
    http = Authenticator(engine, carriers=[BearerHeader(), CookieCarrier()])
    pair = await engine.issue_pair("alice")
    bearer = request(authorization=f"Bearer {pair.access_token}")
    cookie = request("POST", cookie=f"__Host-access_token={pair.access_token}")
    await http.authenticate(bearer, Requirement())
    assert await http.authenticate(request(), Requirement(optional=True)) is None
    assert reported == []
    await refused(http.authenticate(request(), Requirement()))
    await refused(http.authenticate(bearer, Requirement(scopes=["a"])))
    await refused(http.authenticate(cookie, Requirement()))
    await refused(http.authenticate(request(authorization="Bearer a.b.c"), Requirement()))
    assert reported == ["token_missing", "insufficient_scope", "csrf_missing", "token_malformed"]
    reported.clear()
    await refused(http.verify(None, Requirement()))
    await refused(http.verify(pair.access_token, Requirement(fresh=True)))
    await refused(http.verify("a.b.c", Requirement()))
    assert reported == ["token_missing", "fresh_token_required", "token_malformed"]
    reported.clear()
    await refused(http.refresh(request()))
    await refused(http.refresh(bearer))
    await refused(http.refresh(request(authorization="Bearer a.b.c")))
    assert reported == ["token_missing", "token_type_invalid", "token_malformed"]


async def test_hooks_may_be_async_and_run_in_order(engine):
    """Each gets the error itself."""
    seen = []

    @engine.on_refuse
    async def first(error):
        seen.append(("first", error))

    @engine.on_refuse
    def second(error):
        seen.append(("second", error))

    error = await refused(engine.decode("a.b.c"))
    assert seen == [("first", error), ("second", error)]


async def test_a_failing_hook_accepts_nothing(engine):
    """Its error reaches the caller."""

    @engine.on_refuse
    def fail(error):
        raise ZeroDivisionError

    for call in (engine.decode("a.b.c"), engine.refresh("a.b.c")):
        with pytest.raises(ZeroDivisionError):
            await call


async def test_each_issuer_reports_to_its_own_engine(clock):
    """What belongs to none of them, to the first one."""
    codes = {"ours": [], "theirs": []}
    engines = {}
    for name, issuer in (("ours", OURS), ("theirs", "https://login.example")):
        engines[name] = TokenEngine(
            KeyRing.from_secret(SECRET),
            policy=TokenPolicy(issuer=issuer),
            store=MemoryStore(),
            clock=clock,
        )
        engines[name].on_refuse(lambda error, name=name: codes[name].append(error.code))
    http = Authenticator(Issuers(*engines.values()))
    for iss in (OURS, "https://login.example", "https://nobody.example"):
        token = signed(payload_of(iss=iss, exp=1))
        await refused(http.verify(token, Requirement()))
    assert codes == {"ours": ["token_expired", "issuer_invalid"], "theirs": ["token_expired"]}


async def test_a_reported_error_is_not_kept(clock):
    """The engine remembers no error, which would keep the request alive."""
    engine = engine_with(clock)
    engine.on_refuse(lambda error: None)
    await refused(engine.decode("a.b.c"))
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, TokenError)]
