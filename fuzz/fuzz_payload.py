"""The payload (RFC 7519 §4): any bytes as the payload of a token with a valid signature.

Accepted are only claims that a second reading of the payload finds valid. If the payload is a JSON
object, it is also issued as the claims of a new token, which must come back unchanged.
"""

import json
from collections.abc import Iterator
from typing import Any

from fuzz.harness import NOW, finished, fuzz, instrumented
from fuzz.vectors import accepted_examples

with instrumented(__name__):
    from tokenward import Claims, Key, KeyRing, TokenEngine, TokenPolicy
    from tokenward.errors import ConfigurationError, TokenError
    from tokenward.jose.codec import b64url_encode


class _ShopClaims(Claims):
    tenant: str = ""
    roles: tuple[str, ...] = ()


_ISSUER, _AUDIENCE = "https://shop.example", "shop-api"
_KEY = Key.from_secret(b"a secret of the fuzz targets, 32+ bytes")
_POLICY = TokenPolicy(issuer=_ISSUER, audience=_AUDIENCE)
_LEEWAY = _POLICY.leeway.total_seconds()
_ENGINES: list[TokenEngine[Any]] = [
    TokenEngine(KeyRing(_KEY), policy=_POLICY, claims_model=model, clock=lambda: NOW)
    for model in (Claims, _ShopClaims)
]
_HEAD = b64url_encode(b'{"alg":"HS256","typ":"JWT"}')


def check(data: bytes) -> None:
    """Sign this payload and decode it; then issue its members as claims and decode them."""
    message = f"{_HEAD}.{b64url_encode(data)}"
    token = f"{message}.{b64url_encode(_KEY.sign(message.encode()))}"
    for engine in _ENGINES:
        try:
            claims = finished(engine.decode(token))
        except TokenError:
            continue
        why = _why_not(data, claims)
        assert why is None, f"A token is accepted although its payload is invalid: {why}."
    _issue(data)


def _why_not(data: bytes, claims: Claims) -> str | None:
    members = json.loads(data.decode())
    read = {name: getattr(claims, name) for name in ("sub", "jti", "type", "iss", "exp", "iat")}
    if any(members.get(name) != value for name, value in read.items()):
        return "a claim has another value than in the payload"
    if not all(isinstance(members[name], str) and members[name] for name in ("sub", "jti")):
        return "sub or jti"
    if (members["iss"], members["type"]) != (_ISSUER, "access"):
        return "iss or type"
    audience = members["aud"]
    if audience != _AUDIENCE and _AUDIENCE not in (audience if isinstance(audience, list) else []):
        return "aud"
    numbers = [members["exp"], members["iat"], members.get("nbf", 0)]
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in numbers):
        return "a time is not a number"
    exp, iat, nbf = numbers
    in_time = exp + _LEEWAY > NOW and iat <= NOW + _LEEWAY and nbf <= NOW + _LEEWAY
    return None if in_time and exp < float("inf") else "a time"


def _issue(data: bytes) -> None:
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(members, dict):
        return
    engine = _ENGINES[0]
    try:
        token = finished(engine.issue("alice", claims=members))
    except ConfigurationError:
        return
    assert finished(engine.decode(token)).extra == members


def seeds() -> Iterator[bytes]:
    """Return the payloads of the RFCs, valid claims, and claims with a fault each."""
    for each in accepted_examples():
        yield each["payload"].encode()
    valid: dict[str, Any] = {
        "sub": "alice",
        "iat": int(NOW),
        "exp": int(NOW) + 60,
        "nbf": int(NOW),
        "jti": "1",
        "type": "access",
        "iss": _ISSUER,
        "aud": _AUDIENCE,
    }
    changes: list[dict[str, Any]] = [
        {},
        {"aud": ["a", _AUDIENCE], "scope": "orders:read", "fresh": True, "csrf": "x"},
        {"exp": None, "sid": "1", "auth_time": NOW, "session_exp": NOW, "iat_ms": 1},
        {
            "tenant": "acme",
            "roles": ["admin"],
            "nested": {"a": [1, 2.5, None, True, "é\U0001f600"]},
        },
        {"exp": 1e999, "iat": True, "nbf": "1"},
    ]
    for change in changes:
        yield json.dumps({**valid, **change}).encode()
    yield b'{"tenant":"acme","roles":["a"],"n":1.5e300,"x":{"y":[]}}'


if __name__ == "__main__":
    fuzz(check)
