"""Security events without a framework: what is checked when the endpoint is built."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support import engine_with
from tokenward import (
    ConfigurationError,
    Issuers,
    Key,
    KeyRing,
    MemoryStore,
    TokenEngine,
    TokenPolicy,
)
from tokenward.http.logout import LogoutRules, SecurityEventEndpoint, SecurityEventRules

PROVIDER = "https://login.example/"
KEYS = KeyRing(Key.from_jwk(Key.generate("ES256", kid="p").public_jwk()))
OWN: dict[str, Any] = {"keys": KEYS, "issuer": PROVIDER, "audience": "https://shop.example/events"}
SECRET = "Bearer h480djs93hd8"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audience": ""}, "audience"),
        ({"audience": []}, "audience"),
        ({"audience": None}, "audience"),
        ({"keys": None}, "keys of the provider, not None"),
        ({"keys": "https://login.example/jwks"}, "keys of the provider"),
        ({"keys": KeyRing}, "keys of the provider"),
        ({"issuer": None}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"issuer": [PROVIDER]}, "issuer"),
        ({"rules": None}, "SecurityEventRules"),
        ({"rules": LogoutRules()}, "SecurityEventRules"),
        ({"authorization": ""}, "authorization"),
        ({"authorization": []}, "authorization"),
        ({"authorization": True}, "authorization"),
        ({"authorization": SECRET.encode()}, "authorization"),
        ({"authorization": "Bearer 4567890"}, "16 characters"),
        ({"authorization": [SECRET, "Bearer"]}, "16 characters"),
        ({"authorization": SECRET + "\n"}, "the whole value"),
        ({"authorization": " " + SECRET}, "the whole value"),
        ({"authorization": SECRET + "ö"}, "the whole value"),
        ({"authorization": "Bearer a\x00b4567890"}, "the whole value"),
    ],
    ids=repr,
)
def test_a_wrong_argument_is_refused(clock, changes, said):
    """When the endpoint is built, and the message names the argument, never a secret."""
    engine = engine_with(clock)
    assert SecurityEventEndpoint(engine, **OWN, authorization="1234567890123456")
    with pytest.raises(ConfigurationError, match=said) as refused:
        SecurityEventEndpoint(engine, **{**OWN, **changes})
    assert "h480djs93hd8" not in str(refused.value)


@pytest.mark.parametrize("name", ["keys", "issuer", "audience"])
def test_these_arguments_have_no_default(clock, name):
    """Without one of them, the events of others would count."""
    with pytest.raises(TypeError):
        SecurityEventEndpoint(
            engine_with(clock), **{each: value for each, value in OWN.items() if each != name}
        )


def test_the_engine_must_be_able_to_end_sessions(clock):
    """It is one engine, with a store, and not the transmitter itself."""
    own = engine_with(clock, policy=TokenPolicy(issuer="https://shop.example"))
    with pytest.raises(ConfigurationError, match="TokenEngine"):
        SecurityEventEndpoint(Issuers(own), **OWN)
    with pytest.raises(ConfigurationError, match="store"):
        SecurityEventEndpoint(TokenEngine(KeyRing.generate()), **OWN)
    with pytest.raises(ConfigurationError, match="not those of the engine"):
        SecurityEventEndpoint(own, **{**OWN, "keys": own.keys})


def test_an_engine_that_only_verifies_is_that_of_the_login():
    """Otherwise an event would deny tokens of another issuer, or none."""
    verifying = TokenEngine(
        KEYS, policy=TokenPolicy(issuer=PROVIDER, audience="shop-api"), store=MemoryStore()
    )
    assert SecurityEventEndpoint(verifying, **OWN)
    events = {**OWN, "issuer": "https://events.example"}
    with pytest.raises(ConfigurationError, match="login_issuer"):
        SecurityEventEndpoint(verifying, **events)
    rules = SecurityEventRules(login_issuer=PROVIDER)
    assert SecurityEventEndpoint(verifying, **events, rules=rules)


@pytest.mark.parametrize(
    "rules",
    [
        {"session_ids": "session"},
        {"session_ids": True},
        {"login_issuer": ""},
        {"login_issuer": [PROVIDER]},
        {"max_age": timedelta(0)},
        {"max_age": timedelta(days=8)},
        {"max_age": 600},
        {"leeway": timedelta(seconds=-1)},
        {"leeway": timedelta(minutes=6)},
        {"leeway": 10},
    ],
    ids=repr,
)
def test_wrong_rules_are_refused(rules):
    """Each has a few values, or a limit."""
    assert SecurityEventRules(max_age=timedelta(days=7), leeway=timedelta(minutes=5))
    with pytest.raises(ConfigurationError, match=next(iter(rules))):
        SecurityEventRules(**rules)
