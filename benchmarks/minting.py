"""Make the keys and tokens of one run, which all sides read, with PyJWT and cryptography, not with Tokenward."""

import base64
import json
import random
import secrets
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from benchmarks.sides.material import (
    ALGORITHMS,
    AUDIENCE,
    EXTRA,
    ISSUER,
    REVOKED,
    SCOPE,
    SERVED,
    SIZES,
    SUBJECT,
    Material,
)

RSA_BITS = 2048
LARGE_BYTES = 2048
POOL = 501
"""The number of tokens of each kind."""
SERVICE_POOL = 10_001
"""The number of tokens that a service sees: more than the signature cache holds by default."""
LIFETIME_SECONDS = 86_400
MAX_TOKEN_BYTES = 16_384

Claims = dict[str, Any]


def claims_of(size: str, now: int) -> Claims:
    """Make the claims of one new token.

    Args:
        size: ``small``: registered claims only. ``usual``: also a tenant, two roles and a scope. ``2KB``: the
            usual claims and a list, 2,048 bytes of JSON.
        now: when the token is issued, in seconds since 1970.
    """
    claims: Claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": SUBJECT,
        "jti": secrets.token_hex(16),
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "type": "access",
    }
    if size == "small":
        return claims
    claims |= {**EXTRA, "scope": SCOPE, "fresh": False}
    if size == "2KB":
        claims["permissions"] = []
        while (missing := LARGE_BYTES - len(_json(claims))) > 0:
            # Quotes and a comma take three characters; the last item fills the remaining bytes.
            length = 29 if missing > 64 else max(missing - 3, 1)  # noqa: PLR2004
            claims["permissions"].append(
                "orders:read:warehouse-eastern"[:length].ljust(length, "x")
            )
    return claims


def key_texts(algorithm: str) -> tuple[str, str]:
    """Make a key and return the text of its private and of its public half."""
    if algorithm == "HS256":
        secret = secrets.token_hex(32)
        return secret, secret
    key: Any
    if algorithm == "RS256":
        key = rsa.generate_private_key(public_exponent=65_537, key_size=RSA_BITS)
    elif algorithm == "ES256":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def refused_tokens(algorithm: str, key: Any, now: int) -> list[str]:  # noqa: ANN401 - PyJWT's keys
    """Make the tokens that every side must refuse, in the order of `REFUSED`."""
    claims = claims_of("usual", now)
    other = _prepared(algorithm, key_texts(algorithm)[0])
    past = {"iat": now - LIFETIME_SECONDS, "exp": now - 1}
    return [
        _signed(claims, other, algorithm),
        _signed(claims | past, key, algorithm),
        _signed(claims | {"aud": "another-api"}, key, algorithm),
        _signed(claims | {"iss": "https://another.example"}, key, algorithm),
        _signed(claims | {"jti": REVOKED}, key, algorithm),
    ]


def garbage(valid: str) -> list[str]:
    """Make input that is not a token, just within `MAX_TOKEN_BYTES` and just beyond, in the order of `GARBAGE`.

    Args:
        valid: a token; its header and signature are used with a long payload that they do not belong to.
    """
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    source = random.Random(7)  # noqa: S311 - the same letters in each run
    head, _, signature = valid.split(".")
    made = []
    for length in (MAX_TOKEN_BYTES, MAX_TOKEN_BYTES + 1):
        segments = ["".join(source.choices(letters, k=length // 3)) for _ in range(3)]
        dotted = ".".join(segments)[:length].ljust(length, "A")
        # Whole groups of four characters: any other length is refused before it is decoded.
        groups = (MAX_TOKEN_BYTES - len(head) - len(signature) - 2) // 4
        groups += length > MAX_TOKEN_BYTES
        payload = base64.urlsafe_b64encode(b'{"sub":"' + b"a" * length).decode()[: 4 * groups]
        made += [dotted.replace(".", "A"), dotted, f"{head}.{payload}.{signature}"]
    return made


GARBAGE = tuple(
    f"{kind}, {size}"
    for size in ("16 KiB", "slightly over 16 KiB")
    for kind in (
        "letters without a dot",
        "random letters with two dots",
        "a valid header, a long payload, an invalid signature",
    )
)


def mint(folder: Path, algorithms: Sequence[str] = ALGORITHMS) -> Material:
    """Make the keys and tokens of some algorithms, one of them HS256, and write them into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    material, now = Material(folder), int(time.time())
    for algorithm in algorithms:
        private, public = key_texts(algorithm)
        for half, text in (("private", private), ("public", public)):
            (folder / f"{algorithm}-{half}.key").write_text(text)
        key = _prepared(algorithm, private)
        for size in SIZES:
            is_served = size == "usual" and algorithm in SERVED
            count = SERVICE_POOL if is_served else POOL
            tokens = (_signed(claims_of(size, now), key, algorithm) for _ in range(count))
            _write(material.path(algorithm, size), tokens)
        _write(material.path(algorithm, "refused"), refused_tokens(algorithm, key, now))
    (valid, *_) = material.tokens("HS256", "usual")
    _write(material.path("HS256", "garbage"), garbage(valid))
    _write(material.path("HS256", "one"), [valid])
    return material


def _json(claims: Claims) -> bytes:
    return json.dumps(claims, separators=(",", ":")).encode()


def _prepared(algorithm: str, text: str) -> Any:  # noqa: ANN401 - PyJWT's keys
    return jwt.get_algorithm_by_name(algorithm).prepare_key(text)


def _signed(claims: Claims, key: Any, algorithm: str) -> str:  # noqa: ANN401 - PyJWT's keys
    # Without a key id, as in the tokens of async-fastapi-jwt-auth; the drop-in expects none.
    return jwt.encode(claims, key, algorithm=algorithm)


def _write(path: Path, tokens: Iterable[str]) -> None:
    path.write_text("".join(f"{token}\n" for token in tokens))
