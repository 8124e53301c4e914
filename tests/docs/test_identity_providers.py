"""The recipes for identity providers accept access tokens and refuse every other kind of token."""

import pytest

from tests.docs.test_code_blocks import block_with, run
from tests.support import NOW, signed
from tokenward import Key, KeyRing, RemoteKeySet, TokenEngine
from tokenward.errors import (
    InvalidAudienceError,
    InvalidIssuerError,
    MissingClaimError,
    WrongTokenTypeError,
)

PAGE = "identity-providers.md"
KEY = Key.generate("RS256")
TIMES = {"iat": NOW - 60, "exp": NOW + 3540}

COGNITO = {
    **TIMES,
    "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE",
    "sub": "aaaaaaaa-bbbb-cccc-dddd-example",
    "origin_jti": "a1",
    "event_id": "e1",
    "auth_time": NOW - 60,
    "jti": "j1",
}
KEYCLOAK = {
    **TIMES,
    "iss": "https://sso.example/realms/shop",
    "sub": "f:alice",
    "jti": "onrtac:4a0b",
    "azp": "shop-web",
    "sid": "s1",
    "acr": "1",
}
ENTRA = {
    **TIMES,
    "iss": "https://login.microsoftonline.com/72f988bf-0000-0000-0000-2d7cd011db47/v2.0",
    "aud": "6e74172b-0000-0000-0000-9cff0c669359",
    "nbf": NOW - 60,
    "aio": "AXQAi/8",
    "oid": "00000000-1111",
    "rh": "0.AX",
    "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    "tid": "72f988bf-0000-0000-0000-2d7cd011db47",
    "uti": "u1",
    "ver": "2.0",
}
ACCESS = {
    "cognito": {
        **COGNITO, "client_id": "1example23456789", "token_use": "access", "version": 2,
        "scope": "openid orders.read", "username": "alice", "cognito:groups": ["staff"],
    },
    "keycloak": {
        **KEYCLOAK, "typ": "Bearer", "aud": ["shop-api", "account"], "scope": "openid orders.read",
        "realm_access": {"roles": ["staff"]}, "allowed-origins": ["*"], "email_verified": True,
    },
    "entra": {**ENTRA, "scp": "orders.read orders.write", "azp": "c1", "azpacr": "1"},
}  # fmt: skip
HEADERS = {"cognito": {}, "keycloak": {"typ": "JWT"}, "entra": {"typ": "JWT"}}
COGNITO_ID = {**COGNITO, "aud": "1example23456789", "token_use": "id", "email": "a@example.com"}
KEYCLOAK_ID = {**KEYCLOAK, "aud": "shop-api", "typ": "ID", "auth_time": NOW - 60}
OTHERS = [
    # An ID token names the client in another claim.
    ("cognito", COGNITO_ID, MissingClaimError),
    ("cognito", {**COGNITO_ID, "at_hash": "h"}, MissingClaimError),
    ("cognito", {**COGNITO_ID, "client_id": "1example23456789"}, WrongTokenTypeError),
    ("cognito", {**ACCESS["cognito"], "client_id": "another"}, InvalidAudienceError),
    ("keycloak", KEYCLOAK_ID, WrongTokenTypeError),
    ("keycloak", {**KEYCLOAK_ID, "nonce": "n", "at_hash": "h"}, WrongTokenTypeError),
    ("keycloak", {**ACCESS["keycloak"], "typ": "Refresh"}, WrongTokenTypeError),
    ("keycloak", {**ACCESS["keycloak"], "aud": "account"}, InvalidAudienceError),
    ("entra", ENTRA, WrongTokenTypeError),
    ("entra", {**ENTRA, "nonce": "n", "name": "Alice"}, WrongTokenTypeError),
    ("entra", {**ACCESS["entra"], "nonce": "n"}, WrongTokenTypeError),
    ("entra", {**ACCESS["entra"], "ver": "1.0"}, WrongTokenTypeError),
    *(
        (each, {**ACCESS[each], "iss": "https://evil.example"}, InvalidIssuerError)
        for each in ACCESS
    ),
]
PHRASES = {"cognito": "cognito-idp", "keycloak": "sso.example", "entra": "microsoftonline"}


async def engine_of(provider, clock):
    """Run the recipe of a provider, and return an engine with its policy and a key of the tests."""
    names = await run(block_with(PAGE, "from tokenward import"), {})
    await run(block_with(PAGE, PHRASES[provider]), names)
    assert isinstance(names["engine"].keys, RemoteKeySet)
    assert names["engine"].policy == names["policy"]
    ring = KeyRing.from_jwk(KEY.public_jwk())
    return TokenEngine(ring, policy=names["policy"], clock=clock)


def token_of(provider, payload):
    """Sign a token with the header of a provider."""
    header = {"alg": "RS256", "kid": KEY.kid, **HEADERS[provider]}
    return signed(payload, key=KEY, header=header)


@pytest.mark.parametrize("provider", ACCESS)
async def test_an_access_token_is_accepted_with_its_scopes(provider, clock):
    """They count wherever the provider writes them, and its other claims are kept."""
    engine = await engine_of(provider, clock)
    for _ in range(2):
        claims = await engine.decode(token_of(provider, ACCESS[provider]))
        assert claims.sub == ACCESS[provider]["sub"]
        assert "orders.read" in claims.scopes
        assert claims.extra.items() <= ACCESS[provider].items()


@pytest.mark.parametrize(("provider", "payload", "error"), OTHERS)
async def test_every_other_token_of_the_provider_is_refused(provider, payload, error, clock):
    """ID tokens, with and without what only ID tokens have, and tokens for other services."""
    engine = await engine_of(provider, clock)
    for _ in range(2):
        with pytest.raises(error):
            await engine.decode(token_of(provider, payload))


async def test_the_guide_shows_which_claims_make_an_access_token():
    """The policy of its example builds."""
    names = await run(block_with(PAGE, "from tokenward import"), {})
    await run(block_with("guide.md", "access_token_claims="), names)
