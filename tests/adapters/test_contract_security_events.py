"""CAEP 1.0 `session-revoked` by push (RFC 8935, RFC 8417): the same responses in every framework."""

import asyncio
from datetime import timedelta
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
    PROVIDER,
    WITHOUT_SID,
    PatchyStore,
    Provider,
    access_token,
    are_accepted,
    begin,
    open_sessions,
    signed_with_the_public_key,
    token_of,
    without_removed,
)
from tests.support import NOW, SECRET, FrozenClock, signed
from tokenward import Claims, Key, KeyRing, TokenEngine, TokenError, TokenPolicy
from tokenward.errors import WrongTokenTypeError
from tokenward.http.logout import LogoutEndpoint, SecurityEventEndpoint, SecurityEventRules
from tokenward.testing.adapters.service import client_of
from tokenward.tokens import ProviderLogin

AUDIENCE = "https://shop.example/events"
SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"
CREDENTIAL_CHANGE = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
TYPE = "application/secevent+jwt"
AUTHORIZATION = "Bearer h480djs93hd8-h480djs93hd8"
HEADERS = {"cache-control", "pragma", "content-language", "www-authenticate", "retry-after"}
NOT_CACHED = {"cache-control": "no-store", "pragma": "no-cache"}
DAY = 86_400

USER = {"format": "iss_sub", "iss": PROVIDER, "sub": LOGIN.subject}
SESSION = {"format": "opaque", "id": LOGIN.session}
DEVICE = {"format": "iss_sub", "iss": PROVIDER, "sub": "e9297990-14d2-42ec-a4a9-4036db86509a"}
TENANT = {"format": "opaque", "id": "123456789"}
BOTH = {"format": "complex", "user": USER, "session": SESSION, "tenant": TENANT}
UNCHANGED = [True] * 6


def members(**changes: object) -> dict[str, object]:
    """Return the members of a security event token; a change to ... removes one."""
    whole: dict[str, object] = {
        "iss": PROVIDER,
        "jti": "24c63fb56e5a2d77a6b512616ca9fa24",
        "iat": int(NOW),
        "aud": AUDIENCE,
        "txn": "8675309",
        "sub_id": USER,
        "events": {SESSION_REVOKED: {"event_timestamp": int(NOW) - 60}},
    } | changes
    return without_removed(whole)


def event_token(key: Key = KEY, typ: object = "secevent+jwt", **changes: object) -> str:
    """Return a signed security event token."""
    return token_of(members(**changes), key, typ)


@pytest.fixture
def engine(clock: FrozenClock, store: PatchyStore) -> TokenEngine[Claims]:
    """Return the engine that issues the service's own tokens."""
    return TokenEngine(KeyRing(Key.from_secret(SECRET)), store=store, clock=clock)


@pytest.fixture
def app(
    framework: ModuleType,
    engine: TokenEngine[Claims],
    login_engine: TokenEngine[Claims],
    provider: Provider,
) -> Any:
    """Return the service."""
    own: Any = {"keys": provider.keys, "issuer": PROVIDER, "audience": AUDIENCE}

    def with_rules(**rules: Any) -> SecurityEventEndpoint:
        return SecurityEventEndpoint(engine, **own, rules=SecurityEventRules(**rules))

    endpoints = {
        "/events": SecurityEventEndpoint(engine, **own),
        "/events/sid": with_rules(session_ids="sid"),
        "/events/short": with_rules(max_age=timedelta(minutes=5), leeway=timedelta(0)),
        "/events/other-login": with_rules(login_issuer="https://login.example"),
        "/events/secret": SecurityEventEndpoint(engine, **own, authorization=AUTHORIZATION),
        "/events/secrets": SecurityEventEndpoint(
            engine, **own, authorization=[AUTHORIZATION, "Basic dXNlcjpzZWNyZXQ="]
        ),
        "/api/events": SecurityEventEndpoint(login_engine, **own),
        "/api/events/sid": SecurityEventEndpoint(
            login_engine, **own, rules=SecurityEventRules(session_ids="sid")
        ),
        "/logout": LogoutEndpoint(engine, keys=provider.keys, issuer=PROVIDER, client_id=AUDIENCE),
    }
    return framework.build(engine, endpoints)


async def post(
    client: httpx.AsyncClient, token: str | bytes, path: str = "/events", **headers: str
) -> httpx.Response:
    """Send a security event token."""
    sent = {"Content-Type": TYPE, "Accept": "application/json", **headers}
    return await client.post(path, content=token, headers=sent)


def headers_of(response: httpx.Response) -> dict[str, str]:
    """Return the headers of a response that matter here."""
    return {name: value for name, value in response.headers.items() if name in HEADERS}


def assert_accepted(response: httpx.Response) -> None:
    """Check that a response is that of RFC 8935 §2.2."""
    assert (response.status_code, response.content) == (202, b"")
    assert headers_of(response) == NOT_CACHED
    assert response.headers["content-type"] == "application/json"


def assert_refused(response: httpx.Response, error: str) -> None:
    """Check that a response is that of RFC 8935 §2.3, and shows nothing of the token."""
    said = response.json()
    assert (response.status_code, said.pop("err")) == (400, error)
    assert list(said) == ["description"]
    assert response.headers["content-type"] == "application/json"
    assert headers_of(response) == NOT_CACHED | {"content-language": "en"}
    for value in (LOGIN.subject, LOGIN.session, AUDIENCE, "8675309"):
        assert str(value) not in response.text


# CAEP §3.1: which sessions end.

SUBJECTS: dict[str, tuple[str, object, list[bool]]] = {
    "a user": ("/events", USER, [False, False, False, True, True, True]),
    "a user in a complex subject": (
        "/events",
        {"format": "complex", "user": USER},
        [False, False, False, True, True, True],
    ),
    "an opaque user in a complex subject": (
        "/events",
        {"format": "complex", "user": {"format": "opaque", "id": LOGIN.subject}},
        [False, False, False, True, True, True],
    ),
    "a user, a session and a tenant": (
        "/events",
        BOTH,
        [False, False, False, True, True, True],
    ),
    "a user, a session by its sid, and a tenant": (
        "/events/sid",
        BOTH,
        [False, True, False, True, True, True],
    ),
    "a session by its sid": (
        "/events/sid",
        {"format": "complex", "session": SESSION},
        [False, True, True, True, True, True],
    ),
    "a session by its issuer and its sid": (
        "/events/sid",
        {"format": "complex", "session": {**USER, "sub": LOGIN.session}},
        [False, True, True, True, True, True],
    ),
    "an opaque session by its sid": (
        "/events/sid",
        SESSION,
        [False, True, True, True, True, True],
    ),
    "a user and a device: all sessions of the user": (
        "/events",
        {"format": "complex", "user": USER, "device": DEVICE, "tenant": TENANT},
        [False, False, False, True, True, True],
    ),
    "the issuer of the logins is another one": (
        "/events/other-login",
        {**USER, "iss": "https://login.example"},
        [True, True, True, True, False, True],
    ),
    "a subject that is unknown here": ("/events", {**USER, "sub": "nobody"}, UNCHANGED),
}


@pytest.mark.parametrize("name", SUBJECTS)
async def test_caep_section_3_1_the_sessions_of_the_subject_end(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], name: str
) -> None:
    """Those that began with this login at the provider, and no others."""
    pairs = await begin(engine, *ALL)
    path, subject, expected = SUBJECTS[name]
    assert_accepted(await post(client, event_token(sub_id=subject), path))
    assert await open_sessions(engine, pairs) == expected


async def test_caep_section_3_1_2_the_example_with_a_session(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """Its id has two dots and is no token."""
    session = "dMTlD|1600802906337.16|16008.16"
    login = ProviderLogin(issuer=PROVIDER, subject="a", session=session)
    pairs = await begin(engine, login, LOGIN)
    token = event_token(sub_id={"format": "opaque", "id": session})
    assert_accepted(await post(client, token, "/events/sid"))
    assert await open_sessions(engine, pairs) == [False, True]


async def test_caep_section_3_1_a_later_login_begins_an_open_session(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], clock: FrozenClock
) -> None:
    """The event ends what began before it arrived."""
    assert_accepted(await post(client, event_token()))
    clock.advance(1)
    assert await open_sessions(engine, await begin(engine, *ALL)) == UNCHANGED


@pytest.mark.parametrize(
    ("path", "subject", "accepted"),
    [
        ("/api/events", USER, [False, False, False, True]),
        ("/api/events", BOTH, [False, False, False, True]),
        ("/api/events/sid", BOTH, [False, False, False, True]),
        ("/api/events/sid", SESSION, [False, True, True, True]),
    ],
)
async def test_caep_section_3_1_tokens_of_the_provider_are_denied(
    client: httpx.AsyncClient,
    login_engine: TokenEngine[Claims],
    path: str,
    subject: object,
    accepted: list[bool],
) -> None:
    """By an engine that only verifies them."""
    tokens = (
        access_token(sid=LOGIN.session),
        access_token(sid="another"),
        access_token(),
        access_token(sub="bob", sid="a session of bob"),
    )
    assert await are_accepted(login_engine, *tokens) == [True] * 4
    assert_accepted(await post(client, event_token(sub_id=subject), path))
    assert await are_accepted(login_engine, *tokens) == accepted


WRONG_SUBJECTS: dict[str, object] = {
    "none": ...,
    "null": None,
    "text": LOGIN.subject,
    "a list": [USER],
    "an empty object": {},
    "no format": {"iss": PROVIDER, "sub": LOGIN.subject},
    "a format in a list": {**USER, "format": ["iss_sub"]},
    "an unknown format": {**USER, "format": "x_user"},
    "an e-mail address": {"format": "email", "email": "jane.smith@example.com"},
    "aliases": {"format": "aliases", "identifiers": [USER]},
    "opaque, a session": SESSION,
    "opaque, a subject": {"format": "opaque", "id": LOGIN.subject},
    "another issuer": {**USER, "iss": "https://login.example"},
    "no issuer": {"format": "iss_sub", "sub": LOGIN.subject},
    "issuers in a list": {**USER, "iss": [PROVIDER]},
    "no sub": {"format": "iss_sub", "iss": PROVIDER},
    "an empty sub": {**USER, "sub": ""},
    "a number as sub": {**USER, "sub": 7},
    "a token as sub": {**USER, "sub": access_token()},
    "the id of another format": {"format": "iss_sub", "iss": PROVIDER, "id": LOGIN.subject},
    "complex, without members": {"format": "complex"},
    "complex, a device alone": {"format": "complex", "device": DEVICE, "tenant": TENANT},
    "complex, a session alone": {"format": "complex", "session": SESSION},
    "complex, null as user": {"format": "complex", "user": None},
    "complex, text as user": {"format": "complex", "user": LOGIN.subject},
    "complex, a list as user": {"format": "complex", "user": [USER]},
    "complex, user of another issuer": {
        "format": "complex",
        "user": {**USER, "iss": "https://login.example"},
        "session": SESSION,
    },
    "complex, an e-mail address beside a session": {
        "format": "complex",
        "user": {"format": "email", "email": "jane.smith@example.com"},
        "session": SESSION,
    },
    "complex, a session that cannot be read": {
        "format": "complex",
        "user": USER,
        "session": {"format": "opaque"},
    },
    "complex in complex": {"format": "complex", "user": {"format": "complex", "user": USER}},
}


@pytest.mark.parametrize("name", WRONG_SUBJECTS)
async def test_rfc_9493_a_subject_that_cannot_be_read_is_an_error(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], name: str
) -> None:
    """The transmitter is told; no event is acknowledged and ignored because of its subject."""
    pairs = await begin(engine, *ALL)
    token = event_token(sub_id=WRONG_SUBJECTS[name])
    assert_refused(await post(client, token), "invalid_request")
    assert await open_sessions(engine, pairs) == UNCHANGED


async def test_ssf_section_3_1_the_subject_is_not_read_from_the_event(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """Drafts had it there; a transmitter that follows them is told so."""
    pairs = await begin(engine, LOGIN)
    token = event_token(sub_id=..., events={SESSION_REVOKED: {"subject": USER}})
    assert_refused(await post(client, token), "invalid_request")
    assert await open_sessions(engine, pairs) == [True]


# RFC 8417: what a security event token is. Nothing ends, whatever the reason.

HEADER: dict[str, object] = {"alg": "ES256", "kid": KEY.kid, "typ": "secevent+jwt"}
WRONG_TOKENS: dict[str, tuple[str, str]] = {
    "another key": (event_token(OTHER_KEY), "invalid_key"),
    "another key under the same id": (
        signed(members(), key=OTHER_KEY, header=HEADER),
        "invalid_key",
    ),
    "no signature": (event_token().rpartition(".")[0] + ".", "invalid_key"),
    "alg none": (
        signed(members(), key=KEY, header={**HEADER, "alg": "none"}).rpartition(".")[0] + ".",
        "invalid_key",
    ),
    "the public key as a secret": (signed_with_the_public_key(members(), HEADER), "invalid_key"),
    "a key in the header": (
        signed(members(), key=OTHER_KEY, header={**HEADER, "jwk": OTHER_KEY.public_jwk()}),
        "invalid_key",
    ),
    "a critical header": (
        signed(members(), key=KEY, header={**HEADER, "crit": ["exp"]}),
        "invalid_request",
    ),
    "encrypted": ("a.b.c.d.e", "invalid_request"),
    "text": ("bWJq", "invalid_request"),
    "control characters": ("a\x00\r\nb", "invalid_request"),
    "letters": ("schön", "invalid_request"),
    "long": ("e" * 20_000, "invalid_request"),
    "two tokens": (event_token() + "\n" + event_token(), "invalid_request"),
    "a payload that is no object": (signed(b'["a"]', key=KEY, header=HEADER), "invalid_request"),
    "the member of a form": ("token=" + event_token(), "invalid_request"),
}


@pytest.mark.parametrize("name", WRONG_TOKENS)
async def test_rfc_8935_section_2_the_token_is_signed_by_the_transmitter(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], name: str
) -> None:
    """By an algorithm of its keys, which is never none."""
    pairs = await begin(engine, LOGIN)
    token, error = WRONG_TOKENS[name]
    assert_refused(await post(client, token.encode()), error)
    assert await open_sessions(engine, pairs) == [True]


WRONG_CLAIMS: dict[str, tuple[dict[str, object], str]] = {
    "no iss": ({"iss": ...}, "invalid_request"),
    "another iss": ({"iss": "https://login.example"}, "invalid_issuer"),
    "iss in a list": ({"iss": [PROVIDER]}, "invalid_request"),
    "no aud": ({"aud": ...}, "invalid_request"),
    "another aud": ({"aud": "https://shop.example"}, "invalid_audience"),
    "others in aud": ({"aud": ["a", AUDIENCE + "/"]}, "invalid_audience"),
    "an object as aud": ({"aud": {AUDIENCE: 1}}, "invalid_request"),
    "no iat": ({"iat": ...}, "invalid_request"),
    "text as iat": ({"iat": str(int(NOW))}, "invalid_request"),
    "iat in the future": ({"iat": NOW + 11}, "invalid_request"),
    "an old iat": ({"iat": NOW - DAY - 10}, "invalid_request"),
    "no jti": ({"jti": ...}, "invalid_request"),
    "a number as jti": ({"jti": 1}, "invalid_request"),
    "no events": ({"events": ...}, "invalid_request"),
    "null as events": ({"events": None}, "invalid_request"),
    "no event": ({"events": {}}, "invalid_request"),
    "a list as events": ({"events": [SESSION_REVOKED]}, "invalid_request"),
    "text as events": ({"events": SESSION_REVOKED}, "invalid_request"),
    "null as the event": ({"events": {SESSION_REVOKED: None}}, "invalid_request"),
    "true as the event": ({"events": {SESSION_REVOKED: True}}, "invalid_request"),
    "true as another event": ({"events": {VERIFICATION: True}}, "invalid_request"),
}


@pytest.mark.parametrize("name", WRONG_CLAIMS)
async def test_rfc_8417_section_2_2_the_claims(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], name: str
) -> None:
    """Each is checked."""
    pairs = await begin(engine, LOGIN)
    changes, error = WRONG_CLAIMS[name]
    assert_refused(await post(client, event_token(**changes)), error)
    assert await open_sessions(engine, pairs) == [True]


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["other", AUDIENCE]},
        {"iat": NOW + 10},
        {"iat": NOW - DAY - 9.5},
        {"txn": ...},
        {"events": {SESSION_REVOKED: {}, CREDENTIAL_CHANGE: {}}},
    ],
    ids=repr,
)
async def test_rfc_8417_section_2_2_what_passes(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], changes: dict[str, object]
) -> None:
    """The limits are exact."""
    pairs = await begin(engine, LOGIN)
    assert_accepted(await post(client, event_token(**changes)))
    assert await open_sessions(engine, pairs) == [False]


async def test_the_age_is_a_setting(client: httpx.AsyncClient) -> None:
    """Of the rules, as the leeway is."""
    for iat, is_accepted in ((NOW - 299, True), (NOW - 300, False), (NOW + 1, False)):
        response = await post(client, event_token(iat=iat, jti=str(iat)), "/events/short")
        assert response.status_code == (202 if is_accepted else 400)


@pytest.mark.parametrize(
    ("typ", "passes"),
    [
        ("secevent+jwt", True),
        ("application/secevent+JWT", True),
        ("JWT", False),
        (..., False),
        ("", False),
        ("at+jwt", False),
        ("logout+jwt", False),
        ("dpop+jwt", False),
    ],
)
async def test_rfc_8417_section_2_3_the_type_in_the_header(
    client: httpx.AsyncClient, typ: object, passes: bool
) -> None:
    """SSF 1.0 §4.1.1 demands it."""
    response = await post(client, event_token(typ=typ))
    assert_accepted(response) if passes else assert_refused(response, "invalid_request")


@pytest.mark.parametrize(
    "changes", [{"exp": NOW + 60}, {"exp": None}, {"sub": "a"}, {"sub": None}], ids=repr
)
async def test_ssf_section_4_1_3_neither_sub_nor_exp(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], changes: dict[str, object]
) -> None:
    """Both are marks of other tokens."""
    pairs = await begin(engine, LOGIN)
    assert_refused(await post(client, event_token(**changes)), "invalid_request")
    assert await open_sessions(engine, pairs) == [True]


async def test_rfc_8417_section_4_other_tokens_are_no_events(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """Neither access tokens, ID tokens and logout tokens of the provider, nor tokens of the service."""
    (pair,) = await begin(engine, LOGIN)
    both = {SESSION_REVOKED: {}, LOGOUT: {}}
    of_client: dict[str, Any] = {"aud": AUDIENCE, "jti": "1", "sub_id": USER, "events": both}
    for token, error in (
        (access_token(**of_client), "invalid_request"),
        (signed(members(nonce="n", sub="a", exp=NOW + 60), key=KEY), "invalid_request"),
        (event_token(typ="logout+jwt", sub="a", exp=NOW + 60, events=both), "invalid_request"),
        (pair.access_token, "invalid_key"),
        (pair.refresh_token, "invalid_key"),
    ):
        assert_refused(await post(client, token), error)
    assert await open_sessions(engine, [pair]) == [True]


async def test_rfc_8417_section_4_an_event_is_no_logout_token(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """Not even with the event of a logout."""
    pairs = await begin(engine, LOGIN)
    both = {SESSION_REVOKED: {}, LOGOUT: {}}
    token = event_token(events=both, sub=LOGIN.subject, exp=NOW + 60)
    response = await client.post("/logout", data={"logout_token": token})
    assert (response.status_code, response.json()["code"]) == (400, "token_type_invalid")
    assert await open_sessions(engine, pairs) == [True]


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"type_source": "typ", "required_claims": ("exp", "sub")},
        {"type_source": "always-access", "required_claims": {"sub"}},
        {
            "type_source": "always-access",
            "required_claims": {"sub"},
            "accept_id_tokens": True,
        },
    ],
    ids=repr,
)
async def test_rfc_8417_section_4_an_event_is_no_access_token(
    provider: Provider, clock: FrozenClock, policy: Any
) -> None:
    """Whatever the policy, and even with the claims of an access token."""
    whole = TokenPolicy(issuer=PROVIDER, audience=AUDIENCE, **policy)
    engine = TokenEngine(provider.keys, policy=whole, clock=clock)
    claims = {"sub": "a", "exp": NOW + 60, "type": "access"}
    for token in (event_token(), event_token(**claims)):
        with pytest.raises(TokenError):
            await engine.decode(token)
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(event_token(**claims))


# RFC 8935: how an event is pushed.


async def test_rfc_8935_section_2_a_repeated_event_is_accepted_without_an_effect(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], clock: FrozenClock
) -> None:
    """The response is that of the first time; sessions that began in between go on."""
    token = event_token()
    pairs = await begin(engine, LOGIN)
    assert_accepted(await post(client, token))
    clock.advance(60)
    pairs += await begin(engine, LOGIN)
    for _ in range(2):
        assert_accepted(await post(client, token))
    assert await open_sessions(engine, pairs) == [False, True]
    assert_accepted(await post(client, event_token(jti="another")))
    assert await open_sessions(engine, pairs) == [False, False]
    clock.advance(DAY)
    assert_refused(await post(client, token), "invalid_request")


async def test_rfc_8935_section_2_copies_at_the_same_time(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """Each has the response of one."""
    pairs = await begin(engine, LOGIN)
    token = event_token()
    for response in await asyncio.gather(*[post(client, token) for _ in range(5)]):
        assert_accepted(response)
    assert await open_sessions(engine, pairs) == [False]


@pytest.mark.parametrize("event", [VERIFICATION, CREDENTIAL_CHANGE, SESSION_REVOKED + "2", "x"])
async def test_rfc_8935_section_2_2_other_events_are_acknowledged(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], store: PatchyStore, event: str
) -> None:
    """The token is valid, so that the transmitter does not repeat it; it needs no store."""
    pairs = await begin(engine, *ALL)
    store.is_down = True
    for subject in (USER, {"format": "opaque", "id": "a stream"}, ...):
        token = event_token(sub_id=subject, events={event: {"state": "VGhpcw"}})
        assert_accepted(await post(client, token))
    store.is_down = False
    assert await open_sessions(engine, pairs) == UNCHANGED
    wrong = event_token(events={event: {}}, aud="https://shop.example")
    assert_refused(await post(client, wrong), "invalid_audience")


WRONG_BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", TYPE),
    "a form": (b"token=a", "application/x-www-form-urlencoded"),
    "json": (b'{"sets": {}}', "application/json"),
    "another type": (event_token().encode(), "application/jwt"),
    "no type": (event_token().encode(), ""),
    "too long": (b"a" * 300_000, TYPE),
}


@pytest.mark.parametrize("name", WRONG_BODIES)
async def test_rfc_8935_section_2_1_the_body_is_the_token(
    client: httpx.AsyncClient, name: str
) -> None:
    """With a type that says so; a token in the URL does not count."""
    content, media_type = WRONG_BODIES[name]
    response = await client.post(
        f"/events?token={event_token()}", content=content, headers={"content-type": media_type}
    )
    assert_refused(response, "invalid_request")
    assert response.json()["description"] == (
        "Send one security event token as the body (application/secevent+jwt) with Content-Length."
    )


@pytest.mark.parametrize("media_type", ["Application/SecEvent+JWT", TYPE + "; charset=utf-8"])
async def test_rfc_8935_section_2_1_parameters_of_the_type_are_ignored(
    client: httpx.AsyncClient, media_type: str
) -> None:
    """And its case (RFC 9110 §8.3.1)."""
    assert_accepted(await post(client, event_token(), **{"Content-Type": media_type}))


async def test_rfc_8935_section_2_1_the_request_is_a_post(app: Any) -> None:
    """Quart's guard of the app also refuses what has no route."""
    async with client_of(app) as client:
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            assert (await client.request(method, "/events")).status_code in {401, 405}


async def test_rfc_8935_section_3_the_authorization_of_the_transmitter(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """It is the whole header, and is checked before the token."""
    pairs = await begin(engine, LOGIN)
    wrong = ["", "Bearer", AUTHORIZATION[:-1], AUTHORIZATION + "x", AUTHORIZATION.lower()]
    for headers in ({}, *({"Authorization": each} for each in wrong)):
        for token in (event_token(), "no token"):
            response = await post(client, token, "/events/secret", **headers)
            assert_refused(response, "authentication_failed")
    twice = [("Authorization", AUTHORIZATION), ("Authorization", AUTHORIZATION)]
    response = await client.post(
        "/events/secret", content=event_token(), headers=[("Content-Type", TYPE), *twice]
    )
    assert_refused(response, "authentication_failed")
    assert await open_sessions(engine, pairs) == [True]

    right = {"Authorization": AUTHORIZATION}
    assert_refused(await post(client, "no token", "/events/secret", **right), "invalid_request")
    assert_accepted(await post(client, event_token(), "/events/secret", **right))
    assert await open_sessions(engine, pairs) == [False]


async def test_rfc_8935_section_3_one_secret_is_replaced_by_another(
    client: httpx.AsyncClient,
) -> None:
    """Both are accepted in between."""
    for value in (AUTHORIZATION, "Basic dXNlcjpzZWNyZXQ="):
        response = await post(client, event_token(), "/events/secrets", Authorization=value)
        assert_accepted(response)


# RFC 8935 §2.3: in an outage no event is lost.


def assert_outage(response: httpx.Response, code: str) -> None:
    """Check that the transmitter is asked to repeat the event."""
    assert (response.status_code, response.json()["code"]) == (503, code)
    assert headers_of(response) == NOT_CACHED | {"retry-after": "1"}


@pytest.mark.parametrize("left", [None, 0, 1])
async def test_rfc_8935_section_2_3_an_outage_of_the_store(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], store: PatchyStore, left: int | None
) -> None:
    """Before or in the middle: the token is not used up, and when it is repeated everything ends."""
    pairs = await begin(engine, LOGIN, WITHOUT_SID)
    token = event_token(sub_id=BOTH)
    store.is_down = left is None
    store.revokes_left = left or 0
    assert_outage(await post(client, token), "store_unavailable")
    store.is_down = False
    store.revokes_left = 1_000
    assert_accepted(await post(client, token))
    assert await open_sessions(engine, pairs) == [False, False]


async def test_rfc_8935_section_2_3_an_outage_of_the_keys(
    client: httpx.AsyncClient, provider: Provider, clock: FrozenClock
) -> None:
    """Until they can be fetched."""
    provider.is_down = True
    assert_outage(await post(client, event_token()), "keys_unavailable")
    provider.is_down = False
    clock.advance(31)
    assert_accepted(await post(client, event_token()))


async def test_the_hooks_are_told_of_refused_events(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """So that an operator learns why the events of the provider have no effect."""
    errors: list[TokenError] = []
    engine.on_refuse(errors.append)
    await post(client, event_token(sub_id={"format": "email", "email": "a@b.example"}))
    await post(client, event_token())
    assert [(each.code, getattr(each, "claim", None)) for each in errors] == [
        ("claim_invalid", "sub_id")
    ]


async def test_a_logout_token_with_the_same_jti_counts(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], clock: FrozenClock
) -> None:
    """Both kinds of tokens are remembered apart."""
    assert_accepted(await post(client, event_token(jti="1")))
    clock.advance(1)
    pairs = await begin(engine, LOGIN)
    token = event_token(
        typ="logout+jwt", jti="1", sub=LOGIN.subject, exp=NOW + 60, events={LOGOUT: {}}
    )
    response = await client.post("/logout", data={"logout_token": token})
    assert response.status_code == 200
    assert await open_sessions(engine, pairs) == [False]


def test_the_document_does_not_list_it(framework: ModuleType, app: Any) -> None:
    """It is for the provider."""
    assert framework.documented_paths(app) == {"/guarded"}


@pytest.mark.skipif("litestar" not in WANTED, reason="another adapter is tested alone")
async def test_litestars_own_middleware_does_not_ask_for_a_csrf_token(
    engine: TokenEngine[Claims], provider: Provider
) -> None:
    """The provider has no cookies."""
    endpoint = SecurityEventEndpoint(engine, keys=provider.keys, issuer=PROVIDER, audience=AUDIENCE)
    module = import_module("tests.adapters.litestar_endpoints")
    async with client_of(module.build(engine, {"/events": endpoint}, csrf=True)) as client:
        assert_accepted(await post(client, event_token()))
