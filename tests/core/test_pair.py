"""The pair as the body of a JSON response (RFC 6749 §5.1)."""

import json
from dataclasses import asdict
from datetime import timedelta

import pytest

from tests.support import engine_with
from tokenward import NEVER, TokenPair, TokenPolicy

FULL = TokenPair(
    "a.b.c", "d.e.f", 900, scope="orders:read", refresh_expires_in=3600, csrf_token="0123"
)


def test_a_full_pair_is_sent_whole():
    """Every member that has a value is sent under its own name."""
    assert FULL.json_body() == asdict(FULL)
    assert json.loads(json.dumps(FULL.json_body())) == asdict(FULL)


@pytest.mark.parametrize(
    ("absent", "value"),
    [
        ("expires_in", None),
        ("scope", ""),
        ("refresh_expires_in", None),
        ("csrf_token", None),
        ("csrf_token", ""),
    ],
)
def test_members_without_a_value_are_left_out(absent, value):
    """A client gets neither a null nor an empty scope."""
    members = {**asdict(FULL), absent: value}
    sent = TokenPair(**members).json_body()
    del members[absent]
    assert sent == members


def test_zero_seconds_is_a_value():
    """An expired token says so; it is not one that never expires."""
    sent = TokenPair("a.b.c", "d.e.f", 0, refresh_expires_in=0).json_body()
    assert (sent["expires_in"], sent["refresh_expires_in"]) == (0, 0)
    assert set(sent) == {
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
        "refresh_expires_in",
    }


async def test_a_token_that_never_expires(clock):
    """Its `expires_in` is absent, as OAuth clients expect it."""
    policy = TokenPolicy(required_claims={"iat", "sub", "jti", "type"})
    pair = await engine_with(clock, policy=policy).issue_pair(
        "alice", lifetime=NEVER, refresh_lifetime=timedelta(hours=1)
    )
    assert "expires_in" not in pair.json_body()
    assert pair.json_body()["refresh_expires_in"] == 3600
    assert pair.json_body()["token_type"] == "Bearer"
