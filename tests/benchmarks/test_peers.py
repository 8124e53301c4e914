"""The environments of the peers, and the tokens that all sides get."""

import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import jwt
import pytest

from benchmarks.environments import NEWER, PEERS, constraints_for, newer_python, shared_pins
from benchmarks.minting import (
    GARBAGE,
    MAX_TOKEN_BYTES,
    POOL,
    claims_of,
    garbage,
    key_texts,
    refused_tokens,
)
from benchmarks.parts import rust
from benchmarks.ratios import MOST_CALLS
from benchmarks.sides.asgi import bearer_headers, exchange
from benchmarks.sides.material import AUDIENCE, ISSUER, REFUSED, REVOKED, SIZES
from tokenward import KeyRing, TokenEngine, TokenError, TokenPolicy

NOW = 1_800_000_000
PINS = {"fastapi": "0.165.0", "pyjwt": "2.15.1"}


def test_peers_run_on_the_releases_that_are_installed_here() -> None:
    """The shared libraries have the same release on all sides."""
    assert shared_pins()["pyjwt"] == version("pyjwt")
    assert constraints_for(("authx==1.7.1", "fastapi"), PINS) == "fastapi==0.165.0\npyjwt==2.15.1\n"


def test_a_peer_that_is_an_older_release_pins_itself() -> None:
    """The exception is PyJWT 2.13, which a peer pins itself."""
    assert constraints_for(PEERS["pyjwt-2.13"], PINS) == "fastapi==0.165.0\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the only folder of programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    newer_python.cache_clear()
    yield tmp_path
    newer_python.cache_clear()


def test_libraries_in_rust_run_on_a_newer_python(path: Path) -> None:
    """On this one, if it is new enough; else on the newest that is installed and starts; else on none."""
    assert set(NEWER) <= set(PEERS)
    is_new = sys.version_info >= (3, 12)
    assert newer_python() == (sys.executable if is_new else None)
    for name, status in (("python3.14", 1), ("python3.13", 0), ("python3.12", 0)):
        program = path / name
        program.write_text(f"#!/bin/sh\nexit {status}\n")
        program.chmod(0o755)
    newer_python.cache_clear()
    assert newer_python() == (sys.executable if is_new else str(path / "python3.13"))


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="This Python runs the libraries in Rust.")
@pytest.mark.usefixtures("path")
def test_without_a_newer_python_the_run_says_what_is_missing() -> None:
    """The other tables are measured nevertheless."""
    report = rust.measure(None)
    assert report.warnings == [rust.MISSING]
    assert rust.MISSING in report.tables["rust"].markdown()


@pytest.mark.parametrize("size", SIZES)
def test_the_engine_accepts_tokens_of_every_size(size: str) -> None:
    """Two tokens of one size differ, so that each is new to the engine."""
    one, other = claims_of(size, NOW), claims_of(size, NOW)
    assert one["jti"] != other["jti"]
    assert (one["iss"], one["aud"], one["iat"]) == (ISSUER, AUDIENCE, NOW)
    assert one.keys() == other.keys()


def test_the_large_claims_are_two_kilobytes() -> None:
    """The large claims are exactly 2,048 bytes of JSON."""
    assert len(json.dumps(claims_of("2KB", NOW), separators=(",", ":"))) == 2048


async def test_the_engine_refuses_the_refused_tokens() -> None:
    """Each token is refused for its own fault; the revoked one is valid until it is revoked."""
    secret, _ = key_texts("HS256")
    policy = TokenPolicy(issuer=ISSUER, audience=AUDIENCE)
    engine = TokenEngine(KeyRing.from_secret(secret), policy=policy, clock=lambda: NOW)
    codes = []
    for token in refused_tokens(
        "HS256", jwt.get_algorithm_by_name("HS256").prepare_key(secret), NOW
    ):
        try:
            codes.append((await engine.decode(token)).jti)
        except TokenError as error:
            codes.append(error.code)
    assert dict(zip(REFUSED, codes, strict=True)) == {
        "forged": "signature_invalid",
        "expired": "token_expired",
        "misaddressed": "audience_invalid",
        "misissued": "issuer_invalid",
        REVOKED: REVOKED,
    }


def test_the_lengths_of_garbage() -> None:
    """The longer kinds exceed the longest token, the others are just within it."""
    good = jwt.encode(claims_of("usual", NOW), "x" * 32, algorithm="HS256")
    made = dict(zip(GARBAGE, garbage(good), strict=True))
    for name, text in made.items():
        is_longer = "slightly over" in name
        assert MAX_TOKEN_BYTES - 4 + 4 * is_longer < len(text) <= MAX_TOKEN_BYTES + 4 * is_longer
        assert text.count(".") == (0 if "without a dot" in name else 2)


def test_no_token_is_repeated_in_a_block() -> None:
    """A pool has enough tokens for a block, not counting the first, which is for warming up."""
    assert POOL - 1 >= MOST_CALLS


async def test_an_application_is_called_as_a_server_calls_it() -> None:
    """It gets the headers and one empty body; the status and the whole body are returned."""
    seen: list[object] = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        seen.extend([scope["headers"][-1], await receive()])
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b"tea", "more_body": True})
        await send({"type": "http.response.body", "body": b"pot"})

    assert await exchange(app, bearer_headers("token")) == (418, b"teapot")
    assert seen == [
        (b"authorization", b"Bearer token"),
        {"type": "http.request", "body": b"", "more_body": False},
    ]
