"""Settings: any lines ``NAME=value`` as the environment of a service.

Settings that are accepted make a policy and keys. An error never contains a value.
"""

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache

from fuzz.harness import fuzz, instrumented

with instrumented(__name__):
    from tokenward.errors import ConfigurationError
    from tokenward.settings import TokenwardSettings, duration_text, parse_duration, parse_lifetime

_CANARY = "c4n4ry"
"""In some of the seeds' values; the dictionary has it too."""
_PREFIX = "FUZZED_"
"""Another one than that of the tests and of CI, whose variables would be unknown settings."""
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def check(data: bytes) -> None:
    """Read settings, and make the policy and the keys."""
    text = data.decode("utf-8", "replace").replace("\0", "")
    _parse_duration(text)
    variables = _variables(text)
    message = _refusal(frozenset(variables.items()))
    named = "".join(variables).lower()
    assert _CANARY not in message or _CANARY in named, "An error contains the value of a setting."


@lru_cache(maxsize=1_000)  # many inputs have no variables, or the same
def _refusal(items: frozenset[tuple[str, str]]) -> str:
    """Return the error for these variables; empty if they are valid."""
    os.environ.update(items)
    try:
        _build()
    except ConfigurationError as error:
        return str(error)
    finally:
        for name, _ in items:
            del os.environ[name]
    return ""


def _build() -> None:
    settings = TokenwardSettings(_env_prefix=_PREFIX)
    policy = settings.to_policy()
    # Files are not read: a fuzzer would name any file of this machine.
    if settings.secret is not None:
        assert _CANARY not in repr(settings.secret)
        settings.to_keys().signing_key()
    assert policy.reuse_grace.total_seconds() <= 60
    assert policy.leeway.total_seconds() <= 300


def _parse_duration(text: str) -> None:
    try:
        lifetime = parse_lifetime(text)
    except ConfigurationError:
        return
    shown = duration_text(lifetime)
    if shown == "never":
        return
    assert float(shown[:-1]) * _UNITS[shown[-1]] == parse_duration(text).total_seconds()


def _variables(text: str) -> Mapping[str, str]:
    """Return the variables of lines ``NAME=value``; each name gets the prefix."""
    pairs = [line.partition("=") for line in text.split("\n") if "=" in line]
    return {f"{_PREFIX}{name}": value for name, _, value in pairs}


def seeds() -> Iterator[bytes]:
    """Return settings of each kind, and durations."""
    secret = b"SECRET=c4n4ry-secret-of-at-least-thirty-two-bytes\n"
    yield secret
    yield secret + b"ALGORITHM=HS256\nKID=c4n4ry\nISSUER=https://shop.example\nAUDIENCE=a,b"
    yield secret + b'ACCESS_LIFETIME=15m\nREFRESH_LIFETIME=never\nAUDIENCE=["a", "b"]\nLEEWAY=30'
    yield secret + b"STORE_URL=redis://:c4n4ry@redis:6379/0\nSTORE_PREFIX=shop\nREUSE_GRACE=PT10S"
    yield (
        secret
        + b"STORE_URL=postgresql+asyncpg://u:c4n4ry@h/d\nSTORE_SCHEMA=s\nINTEGER_SUBJECTS=true"
    )
    yield (
        secret + b"REQUIRED_CLAIMS=exp,sub\nTYPE_SOURCE=typ\nSTORE_OUTAGE=accept\nMAX_TOKEN_BYTES=1"
    )
    yield b"OIDC_ISSUER=https://c4n4ry.example\nALGORITHM=RS256\nACCEPT_ID_TOKENS=1"
    yield b'JWKS_URL=https://u:c4n4ry@h\nACCESS_TOKEN_CLAIMS={"token_use": "access", "scope": true}'
    yield b"PEM_FILE=c4n4ry\nPEM_PASSWORD=c4n4ry\nKEYS_DIR=c4n4ry\nUNKNOWN=c4n4ry\nKID="
    yield from (b"900", b"15m", b"PT15M", b"P1DT2H3M4.5S", b"P2W", b"never", b"0.000001")


if __name__ == "__main__":
    os.environ.clear()  # pydantic-settings reads every variable, for each input
    fuzz(check)
