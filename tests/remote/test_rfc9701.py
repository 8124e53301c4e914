"""Signed answers about tokens (RFC 9701)."""

import json

import httpx
import pytest

from tests.remote.introspection import ISSUER, OPAQUE, Endpoint, active
from tests.support import NOW
from tokenward import ConfigurationError, Key, KeyRing, RemoteKeySet, TokenRevokedError
from tokenward.engine.introspection import SignedAnswers
from tokenward.errors import StoreUnavailableError
from tokenward.jose.compact import CompactJws

KEY = Key.generate("Ed25519", kid="as")
TYP = "token-introspection+jwt"
MEDIA_TYPE = "application/token-introspection+jwt"
SIGNED = SignedAnswers(KeyRing(KEY), issuer=ISSUER, audience="shop-api")


def signed_answer(inner=None, *, key=KEY, typ=TYP, media_type=MEDIA_TYPE, **changes):
    """Return a signed answer about an active token; None removes a member."""
    inner = active() if inner is None else inner
    members = {"iss": ISSUER, "aud": "shop-api", "iat": NOW, "token_introspection": inner} | changes
    payload = json.dumps({name: value for name, value in members.items() if value is not None})
    text = CompactJws(KeyRing(key), max_bytes=65_536).sign(payload.encode(), typ=typ, headers=None)
    return httpx.Response(200, text=text, headers={"content-type": media_type})


@pytest.fixture
def endpoint():
    """Return an endpoint that signs its answer about one token."""
    endpoint = Endpoint()
    endpoint.answers[OPAQUE] = signed_answer()
    return endpoint


async def test_section_4_the_request_asks_for_a_signed_answer(endpoint, clock):
    """By the header `Accept`; the claims are those of `token_introspection`."""
    async with endpoint.engine(clock, signed=SIGNED).running() as engine:
        claims = await engine.decode(OPAQUE)
    assert endpoint.requests[0].headers["accept"] == MEDIA_TYPE
    assert (claims.sub, claims.extra) == ("alice", {"client_id": "web"})


async def test_section_5_an_inactive_token_is_refused(endpoint, clock):
    """The answer says so in `token_introspection`."""
    endpoint.answers[OPAQUE] = signed_answer({"active": False})
    with pytest.raises(TokenRevokedError):
        await endpoint.engine(clock, signed=SIGNED).decode(OPAQUE)


@pytest.mark.parametrize("aud", ["shop-api", ["other", "shop-api"]])
async def test_section_5_the_audience_names_this_service(endpoint, clock, aud):
    """As a text, or in a list."""
    endpoint.answers[OPAQUE] = signed_answer(aud=aud, typ="application/" + TYP, iat=NOW - 60)
    assert (await endpoint.engine(clock, signed=SIGNED).decode(OPAQUE)).sub == "alice"


REFUSED = {
    "another key": lambda: signed_answer(key=Key.generate("Ed25519", kid="as")),
    "an unknown key": lambda: signed_answer(key=Key.generate("Ed25519", kid="new")),
    "an access token": lambda: signed_answer(typ="at+jwt"),
    "another JWT": lambda: signed_answer(typ="JWT"),
    "no issuer": lambda: signed_answer(iss=None),
    "another issuer": lambda: signed_answer(iss="https://login.example"),
    "no audience": lambda: signed_answer(aud=None),
    "another audience": lambda: signed_answer(aud="other"),
    "other audiences": lambda: signed_answer(aud=["other", 1]),
    "no time": lambda: signed_answer(iat=None),
    "a text as time": lambda: signed_answer(iat=str(NOW)),
    "a boolean as time": lambda: signed_answer(iat=True),
    "an old answer": lambda: signed_answer(iat=NOW - 61),
    "an answer of the future": lambda: signed_answer(iat=NOW + 61),
    "no members": lambda: signed_answer(token_introspection=None),
    "a text in place of members": lambda: signed_answer(token_introspection=json.dumps(active())),
    "members outside": lambda: signed_answer(token_introspection={}, **active()),
    "active as text": lambda: signed_answer(active(active="true")),
    "plain JSON": active,
    "plain JSON with the type": lambda: httpx.Response(
        200, json=active(), headers={"content-type": MEDIA_TYPE}
    ),
    "the type of another JWT": lambda: signed_answer(media_type="application/jwt"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_section_8_nobody_gets_in_by_another_answer(endpoint, clock, caplog, name):
    """An answer that is not signed, or for something else, is an outage; nothing of it is logged."""
    endpoint.answers[OPAQUE] = REFUSED[name]()
    with pytest.raises(StoreUnavailableError) as caught:
        await endpoint.engine(clock, signed=SIGNED).decode(OPAQUE)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert "alice" not in caplog.text
    assert "cannot be used" in caplog.text


async def test_section_8_a_signed_answer_is_refused_if_none_is_expected(endpoint, clock):
    """Without keys it could not be verified."""
    with pytest.raises(StoreUnavailableError):
        await endpoint.engine(clock).decode(OPAQUE)


async def test_the_keys_are_fetched_with_the_first_answer(endpoint, clock):
    """And closed with the engine."""

    def jwks(_):
        return httpx.Response(200, json=KeyRing(KEY).public_jwks())

    client = httpx.AsyncClient(transport=httpx.MockTransport(jwks))
    keys = RemoteKeySet("https://login.example/jwks", client=client)
    engine = endpoint.engine(clock, signed=SignedAnswers(keys, ISSUER, "shop-api"))
    assert engine.keys.sources == (keys,)
    async with engine.running():
        assert keys.fetched_at is None
        assert (await engine.decode(OPAQUE)).sub == "alice"
        assert keys.fetched_at == NOW


@pytest.mark.parametrize(
    "values",
    [
        ("https://login.example/jwks", ISSUER, "shop-api"),
        (KeyRing(KEY), "", "shop-api"),
        (KeyRing(KEY), ISSUER, None),
    ],
    ids=repr,
)
def test_invalid_values_are_refused(values):
    """When the object is built."""
    with pytest.raises(ConfigurationError):
        SignedAnswers(*values)
