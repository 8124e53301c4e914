"""The pair as the body of a JSON response (RFC 6749 §5.1)."""

import json
from dataclasses import asdict
from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from tests.support import engine_with
from tokenward import NEVER, TokenPair, TokenPolicy

FULL = TokenPair(
    "a.b.c", "d.e.f", 900, scope="orders:read", refresh_expires_in=3600, csrf_token="0123"
)


SENT = {name: value for name, value in asdict(FULL).items() if name != "csrf_token"}


def test_a_full_pair_is_sent_without_the_csrf_token():
    """Every other member that has a value is sent under its own name."""
    assert FULL.json_body() == SENT
    assert json.loads(json.dumps(FULL.json_body())) == SENT


@pytest.mark.parametrize(
    ("absent", "value"),
    [
        ("expires_in", None),
        ("scope", ""),
        ("refresh_expires_in", None),
    ],
)
def test_members_without_a_value_are_left_out(absent, value):
    """A client gets neither a null nor an empty scope."""
    sent = TokenPair(**{**SENT, absent: value}).json_body()
    assert sent == {name: value for name, value in SENT.items() if name != absent}


PAIRS = [FULL, TokenPair("a.b.c", "d.e.f", None, csrf_token="0123")]
ADAPTER = TypeAdapter(TokenPair)


@pytest.mark.parametrize("pair", PAIRS, ids=["full", "short"])
def test_pydantic_writes_the_same_members(pair):
    """Python and JSON output are those of `json_body`, also inside of other types."""
    assert ADAPTER.dump_python(pair) == pair.json_body()
    assert json.loads(ADAPTER.dump_json(pair)) == pair.json_body()
    assert TypeAdapter(list[TokenPair]).dump_python([pair]) == [pair.json_body()]


def test_what_a_caller_excludes_is_not_written():
    """An exclusion, such as `response_model_exclude` of FastAPI, still applies."""
    assert "refresh_token" not in ADAPTER.dump_python(FULL, exclude={"refresh_token"})
    assert b"d.e.f" not in ADAPTER.dump_json(FULL, exclude={"refresh_token"})


def test_pydantic_reads_what_it_read_before():
    """A pair is read from all its members."""
    assert ADAPTER.validate_python(asdict(FULL)) == FULL
    assert set(ADAPTER.json_schema(mode="validation")["properties"]) == set(asdict(FULL))


def test_the_schema_describes_what_is_written():
    """OpenAPI shows optional integers instead of nulls, and no CSRF token."""
    schema = ADAPTER.json_schema(mode="serialization")
    assert set(schema["properties"]) == set(SENT)
    assert schema["properties"]["expires_in"] == {"title": "Expires In", "type": "integer"}
    assert schema["required"] == ["access_token", "refresh_token", "token_type"]
    # Pydantic 2.11.0 leaves the docstring out.
    assert "repr" not in schema.get("description", "")


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
