"""The endpoints of an issuer for other services: callers, and what is checked when they are built."""

from base64 import b64encode

import pytest

from tests.core.http_requests import form, view
from tests.support import engine_with
from tokenward import ConfigurationError, Issuers, Key, KeyRing, TokenEngine, TokenPolicy
from tokenward.http.endpoints import ClientSecrets, IntrospectionEndpoint, RevocationEndpoint

OLD, NEW = "a secret of the past", "a secret of today: äö%"
CALLERS = ClientSecrets({"orders-api": [OLD, NEW], "a:b": NEW})


def basic(name: bytes, secret: bytes, scheme: bytes = b"Basic") -> tuple[bytes, bytes]:
    """Return the header of HTTP Basic."""
    return (b"authorization", scheme + b" " + b64encode(name + b":" + secret))


ENCODED = b"a+secret+of+today%3A+%C3%A4%C3%B6%25"


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ([basic(b"orders-api", OLD.encode())], "orders-api"),
        ([basic(b"orders-api", ENCODED)], "orders-api"),
        ([basic(b"orders-api", ENCODED, b"BASIC")], "orders-api"),
        ([basic(b"a%3Ab", ENCODED)], "a:b"),
        ([basic(b"a%3Ab", OLD.encode())], None),
        ([basic(b"a:b", ENCODED)], None),
        ([basic(b"orders-api", b"")], None),
        ([basic(b"", ENCODED)], None),
        ([basic(b"orders-api", ENCODED)] * 2, None),
        ([], None),
    ],
)
def test_callers_have_a_name_and_several_secrets(headers, caller):
    """Both are encoded as in a form (RFC 6749 §2.3.1); two headers are ambiguous."""
    assert CALLERS(view(*headers)) == caller


def test_callers_show_nothing():
    """Neither names nor secrets."""
    assert repr(CALLERS) == "ClientSecrets(2)"


@pytest.mark.parametrize(
    "secrets",
    [{}, None, "orders-api", {"": NEW}, {1: NEW}, {"a": "too short"}, {"a": []}, {"a": [None]}],
    ids=repr,
)
def test_weak_secrets_are_refused(secrets):
    """A password has at least 16 characters, and each caller has one."""
    with pytest.raises(ConfigurationError):
        ClientSecrets(secrets)


def test_callers_are_required(clock):
    """There is no default that lets everybody in."""
    engine = engine_with(clock)
    for endpoint in (IntrospectionEndpoint, RevocationEndpoint):
        with pytest.raises(TypeError):
            endpoint(engine)
        for hook in (None, True, ClientSecrets, lambda: "me"):
            with pytest.raises(ConfigurationError, match="authenticate"):
                endpoint(engine, hook)
    with pytest.raises(ConfigurationError, match="check"):
        IntrospectionEndpoint(engine, CALLERS, check=lambda claims: True)


def test_the_engine_must_be_the_issuer(clock):
    """It has the keys that sign, and to revoke it needs a store."""
    own = engine_with(clock, policy=TokenPolicy(issuer="https://shop.example"))
    verifying = KeyRing(Key.from_jwk(Key.generate("EdDSA").public_jwk()))
    for endpoint in (IntrospectionEndpoint, RevocationEndpoint):
        with pytest.raises(ConfigurationError, match="TokenEngine"):
            endpoint(Issuers(own), CALLERS)
        with pytest.raises(ConfigurationError, match="only verify"):
            endpoint(TokenEngine(verifying), CALLERS)
    with pytest.raises(ConfigurationError, match="store"):
        RevocationEndpoint(TokenEngine(KeyRing.generate()), CALLERS)
    assert IntrospectionEndpoint(TokenEngine(KeyRing.generate()), CALLERS)


@pytest.mark.parametrize("caller", [True, "", b"name", 1], ids=repr)
async def test_a_hook_that_returns_no_name_is_a_mistake(clock, caller):
    """An error of the service, and nobody is let in."""
    endpoint = RevocationEndpoint(engine_with(clock), lambda _: caller)
    with pytest.raises(TypeError, match="name of the caller"):
        await endpoint.respond(form(b"token=a"))
