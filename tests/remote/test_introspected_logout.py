"""Back-channel logout of users whose access tokens are opaque."""

import pytest

from tests.core.http_requests import form
from tests.remote.introspection import ISSUER, OPAQUE, Endpoint, active
from tests.support import NOW, signed
from tokenward import ConfigurationError, Key, KeyRing, MemoryStore, TokenRevokedError
from tokenward.http.logout import LogoutEndpoint

KEY = Key.generate("ES256", kid="provider")
KEYS = KeyRing(Key.from_jwk(KEY.public_jwk()))


def logout_of(key, **identity):
    """Return a request with a logout token."""
    events = {"http://schemas.openid.net/event/backchannel-logout": {}}
    times = {"iat": int(NOW), "exp": int(NOW) + 60}
    members = {"iss": ISSUER, "aud": "shop-web", "jti": "1", "events": events, **times, **identity}
    header = {"alg": "ES256", "kid": "provider", "typ": "logout+jwt"}
    return form(b"logout_token=" + signed(members, key=key, header=header).encode())


@pytest.mark.parametrize("identity", [{"sub": "alice"}, {"sid": "s1"}], ids=str)
async def test_section_2_7_a_logout_ends_opaque_tokens(clock, identity):
    """The endpoint has the keys of the provider, because the engine has none."""
    endpoint = Endpoint()
    endpoint.answers[OPAQUE] = active(iat=NOW - 1, sid="s1")
    engine = endpoint.engine(clock, store=MemoryStore())
    logout = LogoutEndpoint(engine, keys=KEYS, issuer=ISSUER, client_id="shop-web")
    other = Key.generate("ES256", kid="provider")
    assert (await logout.respond(logout_of(other, **identity))).status == 400
    assert await engine.decode(OPAQUE)
    assert (await logout.respond(logout_of(KEY, **identity))).status == 200
    with pytest.raises(TokenRevokedError):
        await engine.decode(OPAQUE)


def test_an_engine_for_opaque_tokens_needs_the_keys_of_its_provider(clock):
    """Without them, or with those of another issuer, every logout would be refused or deny others."""
    engine = Endpoint().engine(clock, store=MemoryStore())
    for given, said in (
        ({}, "keys of the provider, not None"),
        ({"keys": KEYS}, "issuer must be the iss"),
        ({"keys": KEYS, "issuer": "https://other.example/"}, "that of the policy"),
        ({"keys": engine.keys, "issuer": ISSUER}, "not those of the engine"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            LogoutEndpoint(engine, client_id="shop-web", **given)
