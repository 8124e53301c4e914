"""Step-up (RFC 9470): routes that require a level or a recent login, and the login that raises it.

The contract of the adapters has each hostile token.
"""

import asyncio
from datetime import timedelta

import pytest

from tests.core.http_requests import view
from tests.support import NOW, engine_with, payload_of, signed
from tokenward import (
    ConfigurationError,
    CookieCarrier,
    Issuers,
    KeyRing,
    PermissionDeniedError,
    RefreshTokenReusedError,
    TokenEngine,
    TokenPolicy,
)
from tokenward.claims import Actor
from tokenward.errors import CsrfError, InsufficientAuthenticationError, RefreshTokenSupersededError
from tokenward.http import AuthenticatedUser, Authenticator, Refusal, Requirement
from tokenward.jose.codec import loads_payload
from tokenward.jose.compact import CompactJws

LEVELS = ("pwd", "otp", "mfa")
ISSUER = "https://shop.example"
MINUTE = timedelta(minutes=1)


def allow(claims):
    """Accept every login."""
    return True


@pytest.fixture
def engine(clock):
    """Return an engine whose policy orders three levels."""
    return engine_with(clock, policy=TokenPolicy(issuer=ISSUER, acr_levels=LEVELS))


def token_with(**claims):
    """Return a token of that issuer."""
    return signed(payload_of(iss=ISSUER, **claims))


async def login_of(engine, pair):
    """Return level, time and freshness of the access token, and level and time of the refresh token."""
    access = await engine.decode(pair.access_token)
    refresh = await engine.decode(pair.refresh_token, type="refresh")
    assert access.sid == refresh.sid
    return (access.acr, access.auth_time, access.fresh), (refresh.acr, refresh.auth_time)


@pytest.mark.parametrize(
    ("error", "parameters"),
    [
        (InsufficientAuthenticationError(("mfa",)), ', acr_values="mfa"'),
        (InsufficientAuthenticationError(("phr", "mfa")), ', acr_values="phr mfa"'),
        (InsufficientAuthenticationError((), 60), ', max_age="60"'),
        (InsufficientAuthenticationError(("mfa",), 60), ', acr_values="mfa", max_age="60"'),
    ],
    ids=["one level", "order of preference", "age", "both"],
)
def test_section_3_the_challenge(error, parameters):
    """401 `insufficient_user_authentication` names the levels in order, and the age in seconds."""
    refusal = Refusal.from_error(error)
    start = 'Bearer realm="api", error="insufficient_user_authentication", error_description='
    assert (refusal.status, refusal.code) == (401, "insufficient_user_authentication")
    assert refusal.headers["WWW-Authenticate"].startswith(start)
    assert refusal.headers["WWW-Authenticate"].endswith(f'login is required."{parameters}')


async def test_section_3_one_challenge_names_everything_that_is_required(engine):
    """One login is then sufficient, whichever of both the token lacks."""
    for claims in ({}, {"acr": "mfa"}, {"auth_time": NOW}, {"acr": "pwd", "auth_time": NOW}):
        found = await engine.decode(token_with(**claims))
        with pytest.raises(InsufficientAuthenticationError) as caught:
            engine.check_login(found, acr=["mfa"], max_age=MINUTE)
        assert (caught.value.acr, caught.value.max_age_seconds) == (("mfa",), 60)


async def test_section_6_the_level_is_compared(engine):
    """A stronger level of the policy is sufficient, a weaker, an unknown and an absent one are not."""
    accepted = {}
    for acr in ("pwd", "otp", "mfa", "gold", "MFA", "", None):
        claims = await engine.decode(token_with(acr=acr))
        accepted[acr] = set()
        for required in ("pwd", "otp", "mfa", "gold"):
            try:
                engine.check_login(claims, acr=[required])
            except InsufficientAuthenticationError:
                continue
            accepted[acr].add(required)
    assert accepted == {
        "pwd": {"pwd"},
        "otp": {"pwd", "otp"},
        "mfa": {"pwd", "otp", "mfa"},
        "gold": {"gold"},
        "MFA": set(),
        "": set(),
        None: set(),
    }


async def test_section_6_one_of_several_levels_is_sufficient(engine):
    """Whichever it is, and a stronger one than any of them."""
    for acr, required in (("gold", ["mfa", "gold"]), ("otp", ["pwd", "gold"])):
        engine.check_login(await engine.decode(token_with(acr=acr)), acr=required)
    with pytest.raises(InsufficientAuthenticationError):
        engine.check_login(await engine.decode(token_with(acr="otp")), acr=["gold", "mfa"])


@pytest.mark.parametrize(
    "required",
    [{"acr": "10"}, {"acr": {"10"}}, {"acr": ["a b"]}]
    + [{"max_age": age} for age in (600, timedelta(0), -MINUTE)],
    ids=str,
)
@pytest.mark.parametrize("acr", ["1", "", "10"])
async def test_a_mistake_in_what_is_required_is_no_sufficient_login(engine, acr, required):
    """The level "1" is in the text "10", and so is the empty one; neither is that level."""
    claims = await engine.decode(token_with(acr=acr, auth_time=NOW))
    for verifier in (engine, Issuers(engine)):
        with pytest.raises(ConfigurationError, match=next(iter(required))):
            verifier.check_login(claims, **required)


async def test_without_an_order_levels_are_compared_as_text(clock):
    """A policy without `acr_levels` knows no stronger level."""
    engine = engine_with(clock)
    claims = await engine.decode(signed(payload_of(acr="mfa")))
    engine.check_login(claims, acr=["pwd", "mfa"])
    with pytest.raises(InsufficientAuthenticationError):
        engine.check_login(claims, acr=["pwd"])


async def test_a_level_of_another_type_counts_as_absent_in_a_token_of_another_issuer(clock):
    """Some issuers write a number: the token is valid, and its level is unknown."""
    policy = TokenPolicy(required_claims={"exp", "sub"}, type_source="always-access")
    engine = engine_with(clock, policy=policy)
    claims = await engine.decode(signed(payload_of(acr=2)))
    with pytest.raises(InsufficientAuthenticationError):
        engine.check_login(claims, acr=["2"])


async def test_no_level_at_all_accepts_nobody(engine):
    """An empty list, for example of a setting, admits nobody; a requirement refuses it."""
    with pytest.raises(InsufficientAuthenticationError):
        engine.check_login(await engine.decode(token_with(acr="mfa")), acr=[])
    with pytest.raises(ConfigurationError, match="acr must contain at least one level"):
        Requirement(acr=[])


async def test_each_issuer_has_its_own_order(engine, clock):
    """A level of one issuer has no rank at another."""
    policy = TokenPolicy(issuer="https://other.example", acr_levels=("mfa", "pwd"))
    other = TokenEngine(KeyRing.generate(), policy=policy, clock=clock)
    issuers = Issuers(engine, other)
    weak = await issuers.decode(await engine.issue("alice", acr="pwd"))
    strong = await issuers.decode(await other.issue("alice", acr="pwd"))
    issuers.check_login(strong, acr=["mfa"])
    with pytest.raises(InsufficientAuthenticationError):
        issuers.check_login(weak, acr=["mfa"])


async def test_section_6_1_a_token_names_the_level_and_the_time(engine):
    """The level comes from `acr`, the time from `fresh`; without them a token has neither."""
    pair = await engine.issue_pair("alice", acr="mfa", fresh=True)
    token = await engine.decode(await engine.issue("alice", acr="otp"))
    plain = await engine.decode(await engine.issue("alice"))

    assert await login_of(engine, pair) == (("mfa", NOW, True), ("mfa", NOW))
    assert (token.acr, token.auth_time, token.fresh) == ("otp", None, False)
    assert (plain.acr, plain.auth_time) == (None, None)


async def test_section_6_1_a_refresh_keeps_the_login(engine, clock):
    """Level and time are those of the login, not of the refresh."""
    pair = await engine.issue_pair("alice", acr="mfa", fresh=True)
    clock.advance(300)
    for _ in range(2):
        pair = await engine.refresh(pair.refresh_token)
        assert await login_of(engine, pair) == (("mfa", NOW, False), ("mfa", NOW))


async def test_only_the_engine_sets_the_level(engine):
    """A caller's claims, and a hook, cannot raise it."""
    for claims in ({"acr": "mfa"}, {"auth_time": NOW}):
        with pytest.raises(ConfigurationError, match="Only the engine sets"):
            await engine.issue("alice", claims=claims)
    engine.before_issue(lambda draft: draft.claims.update(acr="mfa"))
    with pytest.raises(ConfigurationError, match="Only the engine sets acr"):
        await engine.issue("alice")


async def test_a_login_raises_the_level_within_the_session(engine, clock):
    """The session keeps its ``sid``, claims and scope; its new login has this level and this time."""
    pair = await engine.issue_pair(
        "alice", acr="pwd", fresh=True, claims={"tenant": "acme"}, scopes=["orders:read"]
    )
    before = await engine.decode(pair.access_token)
    clock.advance(300)
    seen = []

    async def knows_code(claims):
        seen.append((claims.sub, claims.acr))
        return True

    raised = await engine.refresh(pair.refresh_token, check=knows_code, fresh=True, acr="mfa")
    after = await engine.decode(raised.access_token)

    assert seen == [("alice", "pwd")]
    assert await login_of(engine, raised) == (("mfa", NOW + 300, True), ("mfa", NOW + 300))
    assert (after.sid, after.extra, after.scope) == (before.sid, before.extra, before.scope)
    assert raised.csrf_token == pair.csrf_token
    kept = await engine.refresh(raised.refresh_token)
    assert await login_of(engine, kept) == (("mfa", NOW + 300, False), ("mfa", NOW + 300))


async def test_a_login_without_a_level_has_none(engine, clock):
    """The level of the session's first login is not that of this one."""
    pair = await engine.issue_pair("alice", acr="mfa", fresh=True)
    clock.advance(60)
    pair = await engine.refresh(pair.refresh_token, check=allow, fresh=True)
    assert await login_of(engine, pair) == ((None, NOW + 60, True), (None, NOW + 60))


async def test_a_login_that_fails_changes_nothing(engine):
    """The refresh token stays usable, at the level that it had."""
    pair = await engine.issue_pair("alice", acr="pwd", fresh=True)
    for answer in (False, None, 1, "yes"):
        with pytest.raises(PermissionDeniedError):
            await engine.refresh(
                pair.refresh_token, check=lambda _, answer=answer: answer, fresh=True, acr="mfa"
            )
    pair = await engine.refresh(pair.refresh_token)
    assert (await login_of(engine, pair))[0] == ("pwd", NOW, False)


async def test_a_login_does_not_extend_the_session(clock):
    """It ends `session_lifetime` after the first login, however often the user logs in again."""
    policy = TokenPolicy(session_lifetime=timedelta(hours=1))
    engine = engine_with(clock, policy=policy)
    pair = await engine.issue_pair("alice", fresh=True)
    for _ in range(2):
        clock.advance(1500)
        pair = await engine.refresh(pair.refresh_token, check=allow, fresh=True, acr="mfa")
    for token in (pair.access_token, pair.refresh_token):
        assert (await engine.decode(token, type=None)).exp <= NOW + 3600


async def test_a_second_use_gets_no_raised_pair(engine):
    """Within the grace, a thief of the old refresh token gets no pair of the stronger login."""
    pair = await engine.issue_pair("alice", acr="pwd", fresh=True)
    raised = await engine.refresh(pair.refresh_token, check=allow, fresh=True, acr="mfa")
    for options in ({}, {"check": allow, "fresh": True, "acr": "mfa"}):
        with pytest.raises(RefreshTokenSupersededError):
            await engine.refresh(pair.refresh_token, **options)
    assert (await login_of(engine, await engine.refresh(raised.refresh_token)))[0][0] == "mfa"


async def test_a_login_with_a_used_token_gets_no_weaker_pair(engine, clock):
    """Another tab has refreshed: the login repeats with the newest refresh token."""
    pair = await engine.issue_pair("alice", acr="pwd", fresh=True)
    newest = await engine.refresh(pair.refresh_token)
    login = {"check": allow, "fresh": True, "acr": "mfa"}
    with pytest.raises(RefreshTokenSupersededError):
        await engine.refresh(pair.refresh_token, **login)
    assert (await engine.decode(newest.access_token)).acr == "pwd"
    raised = await engine.refresh(newest.refresh_token, **login)
    clock.advance(11)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(newest.refresh_token, **login)
    assert raised.access_token


async def test_of_many_logins_at_once_one_counts(engine):
    """The others are told to use the newest refresh token, and the session goes on."""
    pair = await engine.issue_pair("alice", acr="pwd", fresh=True)
    calls = (
        engine.refresh(pair.refresh_token, check=allow, fresh=True, acr="mfa") for _ in range(8)
    )
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in results if isinstance(each, RefreshTokenSupersededError)]
    (raised,) = [each for each in results if each not in refused]
    assert len(refused) == 7
    assert (await engine.decode(raised.access_token)).acr == "mfa"


async def test_a_login_needs_a_check(engine):
    """Without it, every refresh would raise the level."""
    token = (await engine.issue_pair("alice")).refresh_token
    request = view((b"authorization", b"Bearer " + token.encode()))
    http = Authenticator(engine)
    for refresh in (
        lambda **options: engine.refresh(token, **options),
        lambda **options: Issuers(engine).refresh(token, **options),
        lambda **options: http.refresh(request, **options),
    ):
        with pytest.raises(ConfigurationError, match="fresh=True needs a check"):
            await refresh(fresh=True, acr="mfa")
        with pytest.raises(ConfigurationError, match="pass fresh=True"):
            await refresh(check=allow, acr="mfa")
        with pytest.raises(ConfigurationError, match="fresh must be True or False"):
            await refresh(check=allow, fresh="yes")
    assert await engine.refresh(token)


async def test_a_login_by_a_request(engine, clock):
    """`Authenticator.refresh` passes the login on, after the check of the request."""
    token = (await engine.issue_pair("alice", acr="pwd", fresh=True)).refresh_token
    request = view((b"authorization", b"Bearer " + token.encode()))
    http = Authenticator(engine)
    with pytest.raises(PermissionDeniedError):
        await http.refresh(request, check=lambda _: False, fresh=True, acr="mfa")
    pair = await http.refresh(request, check=allow, fresh=True, acr="mfa")
    assert (await login_of(engine, pair))[0] == ("mfa", NOW, True)


async def test_a_login_by_a_cookie_needs_the_csrf_token_first(engine):
    """The second factor is not checked for a request that another page may have sent."""
    pair, seen = await engine.issue_pair("alice", acr="pwd", fresh=True), []
    http = Authenticator(engine, carriers=[CookieCarrier(refresh_path="/session")])
    cookie = (b"cookie", b"__Secure-refresh_token=" + pair.refresh_token.encode())

    async def step_up(*headers):
        request = view(cookie, *headers, method="POST", scheme="https")
        return await http.refresh(request, check=knows_code, fresh=True, acr="mfa")

    def knows_code(claims):
        seen.append(claims.sub)
        return True

    for headers in ((), ((b"x-csrf-token", b"x"),)):
        with pytest.raises(CsrfError):
            await step_up(*headers)
    assert seen == []
    raised = await step_up((b"x-csrf-token", pair.csrf_token.encode()))
    assert (seen, (await login_of(engine, raised))[0][0]) == (["alice"], "mfa")


async def test_a_hook_sees_the_login_and_the_actor(engine):
    """It can write other claims for a stronger login; a refresh shows it the login that stays."""
    seen = []
    engine.before_issue(lambda draft: seen.append((draft.type, draft.acr, draft.actor)))
    actor = Actor(sub="support-7")
    pair = await engine.issue_pair("alice", acr="pwd", actor=actor)
    await engine.refresh(pair.refresh_token)
    await engine.issue("alice")
    both = [("access", "pwd", actor), ("refresh", "pwd", actor)]
    assert seen == [*both, *both, ("access", None, None)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("mfa", "acr must be a list or tuple"),
        ({"mfa"}, "acr must be a list or tuple"),
        ({"mfa": 1}, "acr must be a list or tuple"),
        (3, "acr must be a list or tuple"),
        (["two levels"], "Each value of acr must be text"),
        (['"'], "Each value of acr must be text"),
        ([""], "Each value of acr must be text"),
        (["é"], "Each value of acr must be text"),
        (["mfa\r\n"], "Each value of acr must be text"),
        ([2], "Each value of acr must be text"),
    ],
)
def test_a_required_level_is_checked_when_the_route_is_declared(value, message):
    """A challenge must be able to name it (RFC 9470 §3)."""
    with pytest.raises(ConfigurationError, match=message):
        Requirement(acr=value)
    with pytest.raises(ConfigurationError, match=message.replace("acr", "acr_levels")):
        TokenPolicy(acr_levels=value)


@pytest.mark.parametrize("value", ["two levels", "", 2, True, ["mfa"], 'm"fa'])
async def test_a_level_is_checked_when_it_is_issued(engine, value):
    """Otherwise no route could require it."""
    for call in (engine.issue, engine.issue_pair):
        with pytest.raises(ConfigurationError, match="acr must be text"):
            await call("alice", acr=value)
    with pytest.raises(ConfigurationError, match="acr must be text"):
        AuthenticatedUser("alice", acr=value)


@pytest.mark.parametrize("value", [timedelta(0), -MINUTE, 600, True, "one minute"])
def test_a_maximum_age_is_checked_when_the_route_is_declared(value):
    """It is a timedelta above zero."""
    with pytest.raises(ConfigurationError, match="max_age must be a timedelta above zero"):
        Requirement(max_age=value)


def test_there_is_one_way_to_require_a_recent_login():
    """`fresh` is the mark of a token, `max_age` the age of a login; one is not given for the other."""
    with pytest.raises(ConfigurationError, match="pass max_age=timedelta"):
        Requirement(fresh=MINUTE)


def test_requirements_with_other_logins_differ():
    """FastAPI calls equal dependencies once."""
    different = {
        Requirement(),
        Requirement(acr=["mfa"]),
        Requirement(acr=["mfa", "phr"]),
        Requirement(acr=("phr", "mfa")),
        Requirement(max_age=MINUTE),
        Requirement(max_age=MINUTE, acr=["mfa"]),
    }
    assert len(different) == 6
    assert Requirement(acr=["mfa"]) == Requirement(acr=("mfa", "mfa"))


async def test_the_usual_token_says_nothing_about_the_login(engine):
    """A service that requires no level has no claim more in its tokens, and no check more."""
    token = await engine.issue("alice")
    payload = loads_payload(CompactJws(engine.keys, max_bytes=9999).verify(token).payload)
    assert not {"acr", "auth_time"} & payload.keys()
    assert not Requirement().checks_claims
