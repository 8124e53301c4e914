"""OpenID Connect Back-Channel Logout 1.0: the same responses in every framework."""

import asyncio
from importlib import import_module
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.adapters.adapters import WANTED
from tests.adapters.identity_provider import (
    ALL,
    KEY,
    LOGIN,
    OTHER_KEY,
    OTHER_USER,
    PROVIDER,
    SAME_USER,
    WITHOUT_SID,
    PatchyStore,
    Provider,
    access_token,
    are_accepted,
    begin,
    is_open,
    open_sessions,
    signed_with_the_public_key,
    token_of,
    without_removed,
)
from tests.support import NOW, SECRET, FrozenClock, signed
from tokenward import (
    Claims,
    Key,
    KeyRing,
    TokenEngine,
    TokenError,
    TokenPolicy,
    TokenRejectedError,
    TokenRevokedError,
)
from tokenward.errors import WrongTokenTypeError
from tokenward.http.logout import LogoutEndpoint, LogoutRules, LogoutToken
from tokenward.testing.adapters.service import client_of

CLIENT = "shop-web"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
FORM = "application/x-www-form-urlencoded"
HEADERS = {"cache-control", "pragma", "content-type", "www-authenticate", "retry-after"}
NOT_CACHED = {
    "cache-control": "no-store",
    "pragma": "no-cache",
    "content-type": "application/json",
}


def members(**changes: object) -> dict[str, object]:
    """Return the members of a logout token; a change to ... removes one."""
    whole: dict[str, object] = {
        "iss": PROVIDER,
        "sub": "248289761001",
        "aud": CLIENT,
        "iat": int(NOW),
        "exp": int(NOW) + 120,
        "jti": "bWJq",
        "sid": "08a5019c-17e1-4977-8f42-65a12843ea02",
        "events": {EVENT: {}},
    } | changes
    return without_removed(whole)


def logout_token(key: Key = KEY, typ: object = "logout+jwt", **changes: object) -> str:
    """Return a signed logout token."""
    return token_of(members(**changes), key, typ)


@pytest.fixture
def engine(clock: FrozenClock, store: PatchyStore) -> TokenEngine[Claims]:
    """Return the engine that issues the service's own tokens."""
    return TokenEngine(KeyRing(Key.from_secret(SECRET)), store=store, clock=clock)


@pytest.fixture
def told() -> list[LogoutToken]:
    """Return what the hook of the service was told."""
    return []


@pytest.fixture
def app(
    framework: ModuleType,
    engine: TokenEngine[Claims],
    login_engine: TokenEngine[Claims],
    provider: Provider,
    told: list[LogoutToken],
) -> Any:
    """Return the service."""

    async def on_logout(logout: LogoutToken) -> None:
        await asyncio.sleep(0)
        told.append(logout)
        if logout.subject == "a stranger":
            raise TokenRejectedError

    own = {"keys": provider.keys, "issuer": PROVIDER, "client_id": CLIENT}
    endpoints = {
        "/logout": LogoutEndpoint(engine, **own, on_logout=on_logout),
        "/logout/strict": LogoutEndpoint(engine, **own, rules=LogoutRules(typ="required")),
        "/logout/lax": LogoutEndpoint(
            engine, **{**own, "client_id": [CLIENT, "shop-app"]}, rules=LogoutRules(exp="optional")
        ),
        "/logout/all": LogoutEndpoint(engine, **own, ends="subject"),
        "/api/logout": LogoutEndpoint(login_engine, client_id=CLIENT),
        "/api.v2/logout": LogoutEndpoint(login_engine, client_id=CLIENT, ends="session"),
    }
    return framework.build(engine, endpoints)


async def post(client: httpx.AsyncClient, token: str, path: str = "/logout") -> httpx.Response:
    """Send a logout token."""
    return await client.post(path, data={"logout_token": token})


def assert_says(response: httpx.Response, status: int, said: object, **headers: str) -> None:
    """Check status, body and headers of a response."""
    assert (response.status_code, response.json()) == (status, said)
    found = {name: value for name, value in response.headers.items() if name in HEADERS}
    assert found == NOT_CACHED | {name.replace("_", "-"): each for name, each in headers.items()}


def assert_refused(response: httpx.Response, code: str) -> None:
    """Check that a response is that of §2.8 for an invalid token."""
    said = response.json()
    description = said["error_description"]
    assert_says(
        response,
        400,
        {"error": "invalid_request", "error_description": description, "code": code},
    )


# §2.7: which sessions end.


async def test_section_2_7_the_session_that_is_named_ends(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """With every token; sessions of which the provider's session is unknown end as well."""
    pairs = await begin(engine, *ALL)
    successor = await engine.refresh(pairs[0].refresh_token)
    assert_says(await post(client, logout_token()), 200, {})
    assert await open_sessions(engine, pairs) == [False, True, False, True, True, True]
    assert not await is_open(engine, successor)
    with pytest.raises(TokenRevokedError):
        await engine.refresh(successor.refresh_token)


async def test_section_2_7_every_session_of_the_subject_ends_if_the_service_says_so(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], clock: FrozenClock
) -> None:
    """Some providers name one session when they end all of them."""
    pairs = await begin(engine, *ALL)
    assert_says(await post(client, logout_token(), "/logout/all"), 200, {})
    assert await open_sessions(engine, pairs) == [False, False, False, True, True, True]
    clock.advance(1)
    assert await open_sessions(engine, await begin(engine, SAME_USER)) == [True]
    token = logout_token(sub=..., sid=SAME_USER.session, jti="2")
    assert_says(await post(client, token, "/logout/all"), 200, {})
    assert await open_sessions(engine, await begin(engine, SAME_USER, OTHER_USER)) == [False, True]


async def test_section_2_7_a_session_without_its_subject(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """Only sessions of this provider's session end: nobody knows whose the others are."""
    pairs = await begin(engine, *ALL)
    assert_says(await post(client, logout_token(sub=...)), 200, {})
    assert await open_sessions(engine, pairs) == [False, True, True, True, True, True]


async def test_section_2_4_without_a_session_all_sessions_of_the_subject_end(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], clock: FrozenClock
) -> None:
    """A login after that begins a session that is open."""
    pairs = await begin(engine, *ALL)
    assert_says(await post(client, logout_token(sid=...)), 200, {})
    assert await open_sessions(engine, pairs) == [False, False, False, True, True, True]
    assert await open_sessions(engine, await begin(engine, LOGIN, WITHOUT_SID)) == [True, True]
    clock.advance(1)
    assert await open_sessions(engine, await begin(engine, *ALL)) == [True] * 6


async def test_section_2_7_a_login_with_an_ended_session_is_refused(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], clock: FrozenClock
) -> None:
    """The logout may arrive before the login that it ends."""
    assert_says(await post(client, logout_token()), 200, {})
    clock.advance(5)
    pairs = await begin(engine, LOGIN, WITHOUT_SID)
    assert await open_sessions(engine, pairs) == [False, True]


async def test_section_2_7_a_user_who_is_logged_out_already(client: httpx.AsyncClient) -> None:
    """The logout has succeeded."""
    assert_says(await post(client, logout_token()), 200, {})


async def test_section_2_7_the_hook_is_told(
    client: httpx.AsyncClient, told: list[LogoutToken]
) -> None:
    """After the checks, with what the token says; its `TokenError` means that the logout failed."""
    await post(client, logout_token(nonce="x"))
    await post(client, logout_token(sid=..., jti="2"))
    expected = LogoutToken(PROVIDER, "248289761001", None, "2", NOW, NOW + 130)
    assert told == [expected]
    assert_refused(await post(client, logout_token(sub="a stranger", jti="3")), "token_rejected")


# The access tokens of the provider itself.


TOKENS = (
    access_token(sid=LOGIN.session),
    access_token(sid="another"),
    access_token(),
    access_token(sub="bob", sid="a session of bob"),
)


@pytest.mark.parametrize(
    ("path", "changes", "accepted"),
    [
        ("/api/logout", {}, [False, False, False, True]),
        ("/api/logout", {"sid": ...}, [False, False, False, True]),
        ("/api/logout", {"sub": ...}, [False, True, True, True]),
        ("/api.v2/logout", {}, [False, True, True, True]),
        ("/api.v2/logout", {"sid": ...}, [False, False, False, True]),
        ("/api.v2/logout", {"sub": ...}, [False, True, True, True]),
    ],
)
async def test_section_2_7_tokens_of_the_provider_are_denied(
    client: httpx.AsyncClient,
    login_engine: TokenEngine[Claims],
    path: str,
    changes: dict[str, object],
    accepted: list[bool],
) -> None:
    """By sid and sub; by sid alone only if the service says so."""
    assert await are_accepted(login_engine, *TOKENS) == [True] * 4
    assert_says(await post(client, logout_token(**changes), path), 200, {})
    assert await are_accepted(login_engine, *TOKENS) == accepted


async def test_section_2_7_later_tokens_of_the_subject_are_accepted(
    client: httpx.AsyncClient, login_engine: TokenEngine[Claims], clock: FrozenClock
) -> None:
    """The user has logged in again."""
    await post(client, logout_token(sid=...), "/api/logout")
    clock.advance(2)
    assert await are_accepted(login_engine, access_token(iat=int(NOW) + 1)) == [True]


# §2.6: what is refused. Nothing ends, whatever the reason.

UNSIGNED = signed(members(), key=KEY).rpartition(".")[0] + "."
HEADER = {"alg": "ES256", "kid": KEY.kid, "typ": "logout+jwt"}


WRONG_SIGNATURES = {
    "another key": (logout_token(OTHER_KEY), "key_unknown"),
    "another key under the same id": (
        signed(members(), key=OTHER_KEY, header=HEADER),
        "signature_invalid",
    ),
    "no signature": (UNSIGNED, "signature_invalid"),
    "alg none": (
        signed(members(), key=KEY, header={**HEADER, "alg": "none"}).rpartition(".")[0] + ".",
        "algorithm_mismatch",
    ),
    "alg None": (
        signed(members(), key=KEY, header={**HEADER, "alg": "None"}),
        "algorithm_mismatch",
    ),
    "the public key as a secret": (
        signed_with_the_public_key(members(), HEADER),
        "algorithm_mismatch",
    ),
    "a key in the header": (
        signed(members(), key=OTHER_KEY, header={**HEADER, "jwk": OTHER_KEY.public_jwk()}),
        "signature_invalid",
    ),
    "a critical header": (
        signed(members(), key=KEY, header={**HEADER, "crit": ["exp"]}),
        "header_unsupported",
    ),
    "encrypted": ("a.b.c.d.e", "token_malformed"),
    "text": ("bWJq", "token_malformed"),
    "control characters": ("a\x00\r\nb", "token_malformed"),
    "letters": ("schön", "token_malformed"),
    "long": ("e" * 20_000, "token_malformed"),
    "a payload that is no object": (signed(b'["a"]', key=KEY, header=HEADER), "token_malformed"),
}


@pytest.mark.parametrize("name", WRONG_SIGNATURES)
async def test_section_2_6_steps_2_and_3_the_signature(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], name: str
) -> None:
    """It is the provider's, by an algorithm of its keys, which is never none."""
    pairs = await begin(engine, LOGIN)
    token, code = WRONG_SIGNATURES[name]
    assert_refused(await post(client, token), code)
    assert await open_sessions(engine, pairs) == [True]


WRONG_CLAIMS: dict[str, tuple[dict[str, object], str]] = {
    "step 4: no iss": ({"iss": ...}, "claim_missing"),
    "step 4: another iss": ({"iss": "https://login.example"}, "issuer_invalid"),
    "step 4: iss in a list": ({"iss": [PROVIDER]}, "claim_invalid"),
    "step 4: no aud": ({"aud": ...}, "claim_missing"),
    "step 4: null as aud": ({"aud": None}, "claim_missing"),
    "step 4: an empty aud": ({"aud": []}, "claim_missing"),
    "step 4: another aud": ({"aud": "other-web"}, "audience_invalid"),
    "step 4: others in aud": ({"aud": ["other-web", "shop-web2"]}, "audience_invalid"),
    "step 4: an object as aud": ({"aud": {CLIENT: 1}}, "claim_invalid"),
    "step 4: a number in aud": ({"aud": [CLIENT, 1]}, "claim_invalid"),
    "step 4: no iat": ({"iat": ...}, "claim_missing"),
    "step 4: null as iat": ({"iat": None}, "claim_invalid"),
    "step 4: text as iat": ({"iat": str(int(NOW))}, "claim_invalid"),
    "step 4: true as iat": ({"iat": True}, "claim_invalid"),
    "step 4: iat without an end": ({"iat": float("inf")}, "claim_invalid"),
    "step 4: iat is no number": ({"iat": float("nan")}, "claim_invalid"),
    "step 4: a huge iat": ({"iat": 10**400}, "claim_invalid"),
    "step 4: iat in the future": ({"iat": NOW + 11}, "token_not_yet_valid"),
    "step 4: an old iat": ({"iat": NOW - 610}, "token_too_old"),
    "step 4: no exp": ({"exp": ...}, "claim_missing"),
    "step 4: null as exp": ({"exp": None}, "claim_invalid"),
    "step 4: expired": ({"exp": NOW - 10}, "token_expired"),
    "step 4: nbf in the future": ({"nbf": NOW + 11}, "token_not_yet_valid"),
    "step 5: neither sub nor sid": ({"sub": ..., "sid": ...}, "claim_missing"),
    "step 5: both are empty": ({"sub": "", "sid": None}, "claim_missing"),
    "step 5: a number as sub": ({"sub": 7}, "claim_invalid"),
    "step 5: a list as sid": ({"sid": ["a"]}, "claim_invalid"),
    "step 5: a token as sid": ({"sid": access_token()}, "claim_invalid"),
    "step 6: no events": ({"events": ...}, "claim_missing"),
    "step 6: null as events": ({"events": None}, "claim_missing"),
    "step 6: a list as events": ({"events": [EVENT]}, "claim_invalid"),
    "step 6: text as events": ({"events": EVENT}, "claim_invalid"),
    "step 6: no event": ({"events": {}}, "claim_invalid"),
    "step 6: another event": ({"events": {EVENT + "2": {}}}, "claim_invalid"),
    "step 6: null as the event": ({"events": {EVENT: None}}, "claim_invalid"),
    "step 6: true as the event": ({"events": {EVENT: True}}, "claim_invalid"),
    "step 6: a list as the event": ({"events": {EVENT: []}}, "claim_invalid"),
    "step 7: a nonce": ({"nonce": "n-0S6_WzA2Mj"}, "claim_invalid"),
    "step 7: an empty nonce": ({"nonce": ""}, "claim_invalid"),
    "step 7: null as nonce": ({"nonce": None}, "claim_invalid"),
    "step 8: no jti": ({"jti": ...}, "claim_missing"),
    "step 8: an empty jti": ({"jti": ""}, "claim_missing"),
    "step 8: a number as jti": ({"jti": 1}, "claim_invalid"),
}


@pytest.mark.parametrize("name", WRONG_CLAIMS)
async def test_section_2_6_steps_4_to_8_the_claims(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], told: list[LogoutToken], name: str
) -> None:
    """Each is checked, and nothing ends."""
    pairs = await begin(engine, LOGIN, WITHOUT_SID)
    changes, code = WRONG_CLAIMS[name]
    token = logout_token(**changes)
    response = await post(client, token)
    assert_refused(response, code)
    assert "248289761001" not in response.text
    assert await open_sessions(engine, pairs) == [True, True]
    assert told == []


RIGHT_CLAIMS: dict[str, dict[str, object]] = {
    "step 4: several in aud": {"aud": ["other-web", CLIENT]},
    "step 4: a clock that is ahead": {"iat": NOW + 10},
    "step 4: a clock that is behind": {"exp": NOW - 9.5},
    "step 4: the oldest": {"iat": NOW - 609.5},
    "step 4: nbf": {"nbf": NOW},
    "step 6: another event as well": {"events": {EVENT: {"a": 1}, "https://e.example": {}}},
    "another claim": {"trace_id": "x", "type": "Logout"},
}


@pytest.mark.parametrize("name", RIGHT_CLAIMS)
async def test_section_2_6_what_passes(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], name: str
) -> None:
    """The limits are exact."""
    pairs = await begin(engine, LOGIN)
    assert_says(await post(client, logout_token(**RIGHT_CLAIMS[name])), 200, {})
    assert await open_sessions(engine, pairs) == [False]


@pytest.mark.parametrize(
    ("typ", "path", "passes"),
    [
        ("logout+jwt", "/logout", True),
        ("application/logout+JWT", "/logout", True),
        ("JWT", "/logout", True),
        (..., "/logout", True),
        ("at+jwt", "/logout", False),
        ("dpop+jwt", "/logout", False),
        ("secevent+jwt", "/logout", False),
        ("", "/logout", False),
        ("logout+jwt", "/logout/strict", True),
        ("JWT", "/logout/strict", False),
        (..., "/logout/strict", False),
        ("at+jwt", "/logout/strict", False),
    ],
)
async def test_section_2_4_the_type_in_the_header(
    client: httpx.AsyncClient, typ: object, path: str, passes: bool
) -> None:
    """`LogoutRules(typ="required")` demands it; that of another purpose is always refused."""
    response = await post(client, logout_token(typ=typ), path)
    if passes:
        assert_says(response, 200, {})
    else:
        assert_refused(response, "token_type_invalid")


async def test_section_2_4_a_provider_that_sends_no_exp(
    client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    """With `LogoutRules(exp="optional")`, the age still counts; an exp that is there does too."""
    assert_says(await post(client, logout_token(exp=...), "/logout/lax"), 200, {})
    assert_refused(
        await post(client, logout_token(exp=NOW - 10, jti="2"), "/logout/lax"), "token_expired"
    )
    old = logout_token(exp=..., jti="3")
    clock.advance(610)
    assert_refused(await post(client, old, "/logout/lax"), "token_too_old")


async def test_section_2_6_step_4_several_clients(client: httpx.AsyncClient) -> None:
    """A service may be several clients of the provider."""
    assert_says(await post(client, logout_token(aud="shop-app"), "/logout/lax"), 200, {})
    assert_refused(await post(client, logout_token(aud="shop-app")), "audience_invalid")


@pytest.mark.parametrize("path", ["/logout", "/api/logout"])
async def test_section_2_6_step_8_a_token_is_accepted_once(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], clock: FrozenClock, path: str
) -> None:
    """A copy does not end the sessions that began after it."""
    token = logout_token(sid=...)
    assert_says(await post(client, token, path), 200, {})
    clock.advance(60)
    pairs = await begin(engine, LOGIN)
    assert_refused(await post(client, token, path), "claim_invalid")
    assert await open_sessions(engine, pairs) == [True]
    assert_says(await post(client, logout_token(sid=..., jti="another"), path), 200, {})
    clock.advance(70)
    assert_refused(await post(client, token, path), "token_expired")


async def test_section_2_6_step_8_copies_at_the_same_time(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """Each of them has the result of one, and no later one has any."""
    pairs = await begin(engine, LOGIN)
    token = logout_token()
    responses = await asyncio.gather(*[post(client, token) for _ in range(5)])
    assert {each.status_code for each in responses} <= {200, 400}
    assert 200 in {each.status_code for each in responses}
    assert await open_sessions(engine, pairs) == [False]
    assert_refused(await post(client, token), "claim_invalid")


# §4.1: no other token is a logout token, and a logout token is no other token.


@pytest.mark.parametrize("path", ["/logout", "/api/logout"])
async def test_section_4_1_other_tokens_are_no_logout_tokens(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], path: str
) -> None:
    """Neither access tokens and ID tokens of the provider, nor tokens of the service itself."""
    pair = await engine.issue_pair("alice", provider_login=LOGIN)
    of_client = {"aud": CLIENT, "jti": "1", "sid": LOGIN.session}
    id_token = signed(members(events=..., auth_time=int(NOW)), key=KEY)
    for token, code in (
        (access_token(**of_client), "claim_missing"),
        (id_token, "claim_missing"),
        (pair.access_token, "algorithm_mismatch"),
        (pair.refresh_token, "algorithm_mismatch"),
    ):
        assert_refused(await post(client, token, path), code)
    assert await is_open(engine, pair)


@pytest.mark.parametrize("typ", ["logout+jwt", "JWT", ...])
async def test_section_4_1_a_logout_token_is_no_access_token(
    provider: Provider, clock: FrozenClock, typ: object
) -> None:
    """Not even if the API has the name of the client, and accepts ID tokens."""
    for more in ({}, {"accept_id_tokens": True}):
        policy = TokenPolicy(
            issuer=PROVIDER,
            audience=CLIENT,
            required_claims={"exp", "sub"},
            type_source="always-access",
            **more,  # type: ignore[arg-type] # one of them
        )
        engine = TokenEngine(provider.keys, policy=policy, clock=clock)
        with pytest.raises(WrongTokenTypeError):
            await engine.decode(logout_token(typ=typ))
        assert await engine.decode(logout_token(typ="JWT", events=...))
        assert await engine.decode(logout_token(typ="JWT", events=["a list of its own"]))


@pytest.mark.parametrize("policy", [{}, {"type_source": "typ", "required_claims": {"exp", "sub"}}])
async def test_section_4_1_nor_for_an_engine_that_reads_the_type(
    provider: Provider, clock: FrozenClock, policy: Any
) -> None:
    """It has no type claim, and another header than an access token."""
    whole = TokenPolicy(issuer=PROVIDER, audience=CLIENT, **policy)
    engine = TokenEngine(provider.keys, policy=whole, clock=clock)
    for typ in ("logout+jwt", "JWT", ...):
        with pytest.raises(TokenError):
            await engine.decode(logout_token(typ=typ))


# §2.5: the request.

WRONG_FORMS = {
    "nothing": (b"", FORM),
    "another field": (b"token=a", FORM),
    "an empty token": (b"logout_token=", FORM),
    "two tokens": (b"logout_token=a&logout_token=b", FORM),
    "many tokens": (b"logout_token=a&" * 100, FORM),
    "json": (b'{"logout_token": "a"}', "application/json"),
    "no type": (b"logout_token=a", ""),
    "the token itself": (b"a.b.c", "application/logout+jwt"),
    "too long": (b"logout_token=" + b"a" * 300_000, FORM),
}


@pytest.mark.parametrize("name", WRONG_FORMS)
async def test_section_2_5_the_token_is_in_a_form(client: httpx.AsyncClient, name: str) -> None:
    """Once, and with a type that says so; a token in the URL does not count."""
    content, media_type = WRONG_FORMS[name]
    url = f"/logout?logout_token={logout_token()}"
    response = await client.post(url, content=content, headers={"content-type": media_type})
    said = {
        "error": "invalid_request",
        "error_description": "Send one logout_token in a form (application/x-www-form-urlencoded) "
        "with Content-Length.",
    }
    assert_says(response, 400, said)


async def test_section_2_5_other_fields_are_ignored(client: httpx.AsyncClient) -> None:
    """Also if there are several of one name."""
    data = {"logout_token": logout_token(), "token": ["a", "b"], "state": "x"}
    assert_says(await client.post("/logout", data=data), 200, {})


async def test_section_2_5_the_request_is_a_post(app: Any) -> None:
    """Quart's guard of the app also refuses what has no route."""
    async with client_of(app) as client:
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            response = await client.request(method, f"/logout?logout_token={logout_token()}")
            assert response.status_code in {401, 405}


# §2.8: the response, and what happens in an outage.

OUTAGES = {
    "store_unavailable": "The revocation check is temporarily unavailable.",
    "keys_unavailable": "The issuer's keys are temporarily unavailable.",
}


def outage(code: str) -> dict[str, str]:
    """Return the body of the response in an outage."""
    return {
        "error": "temporarily_unavailable",
        "error_description": OUTAGES[code],
        "code": code,
    }


@pytest.mark.parametrize("path", ["/logout", "/api/logout"])
async def test_section_2_8_an_outage_of_the_store(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], store: PatchyStore, path: str
) -> None:
    """503 with Retry-After; the same token is accepted when the store is back."""
    store.is_down = True
    token = logout_token()
    response = await post(client, token, path)
    assert_says(response, 503, outage("store_unavailable"), retry_after="1")
    store.is_down = False
    assert_says(await post(client, token, path), 200, {})
    assert_refused(await post(client, token, path), "claim_invalid")


@pytest.mark.parametrize("left", [0, 1])
async def test_section_2_8_an_outage_in_the_middle_of_a_logout(
    client: httpx.AsyncClient,
    engine: TokenEngine[Claims],
    store: PatchyStore,
    told: list[LogoutToken],
    left: int,
) -> None:
    """The token is not used up: the provider repeats it, and then everything has ended."""
    pairs = await begin(engine, LOGIN, WITHOUT_SID)
    store.revokes_left = left
    token = logout_token()
    response = await post(client, token)
    assert_says(response, 503, outage("store_unavailable"), retry_after="1")
    assert told == []
    store.revokes_left = 1_000
    assert_says(await post(client, token), 200, {})
    assert await open_sessions(engine, pairs) == [False, False]
    assert len(told) == 1
    assert_refused(await post(client, token), "claim_invalid")


@pytest.mark.parametrize("path", ["/logout", "/api/logout"])
async def test_section_2_8_an_outage_of_the_keys(
    client: httpx.AsyncClient, provider: Provider, clock: FrozenClock, path: str
) -> None:
    """503 with Retry-After, until they can be fetched."""
    provider.is_down = True
    response = await post(client, logout_token(), path)
    assert_says(response, 503, outage("keys_unavailable"), retry_after="1")
    provider.is_down = False
    clock.advance(31)
    assert_says(await post(client, logout_token(), path), 200, {})


async def test_strangers_cannot_make_the_service_fetch_keys(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    """An unknown key id is looked for once in a while, whatever the number of tokens."""
    assert_says(await post(client, logout_token()), 200, {})
    for _ in range(5):
        assert_refused(await post(client, logout_token(OTHER_KEY)), "key_unknown")
    assert provider.fetches <= 2


async def test_the_hooks_are_told_of_refused_tokens(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """So that an operator learns why the provider's logouts have no effect."""
    errors: list[TokenError] = []
    engine.on_refuse(errors.append)
    await post(client, logout_token(aud="shop"))
    await post(client, logout_token())
    assert [each.code for each in errors] == ["audience_invalid"]


def test_the_document_does_not_list_it(framework: ModuleType, app: Any) -> None:
    """It is for the provider."""
    assert framework.documented_paths(app) == {"/guarded"}


@pytest.mark.skipif("litestar" not in WANTED, reason="another adapter is tested alone")
async def test_litestars_own_middleware_does_not_ask_for_a_csrf_token(
    engine: TokenEngine[Claims], provider: Provider
) -> None:
    """The provider has no cookies."""
    endpoint = LogoutEndpoint(engine, keys=provider.keys, issuer=PROVIDER, client_id=CLIENT)
    module = import_module("tests.adapters.litestar_endpoints")
    async with client_of(module.build(engine, {"/logout": endpoint}, csrf=True)) as client:
        assert_says(await post(client, logout_token()), 200, {})
