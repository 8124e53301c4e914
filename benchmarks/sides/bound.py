"""The least code that checks a token in full: how fast any library could be at most.

One key, one algorithm and one policy, written for these tokens: no options, no hooks, no codes of
errors. Like Tokenward, it remembers which texts carry a valid signature, and checks all else again.
"""

import hmac
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from answering import Call, Case, expect_equal
from asgi import Headers
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from material import AUDIENCE, ISSUER, REVOKED, Material
from typed_claims import TypedClaims

Verify = Callable[[bytes, bytes], None]
MOST_REMEMBERED = 8_192
CHALLENGE = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class RefusedError(Exception):
    """There is no token, or an invalid, expired or revoked one."""


def hmac_verifier(secret: bytes) -> Verify:
    """Return a function that verifies a signature of HS256."""

    def verify(signature: bytes, message: bytes) -> None:
        if not hmac.compare_digest(signature, hmac.digest(secret, message, "sha256")):
            raise InvalidSignature

    return verify


def rsa_verifier(key: rsa.RSAPublicKey) -> Verify:
    """Return a function that verifies a signature of RS256."""
    scheme, digest = padding.PKCS1v15(), hashes.SHA256()
    return lambda signature, message: key.verify(signature, message, scheme, digest)


class Bound:
    """Checks the tokens of one key."""

    def __init__(self, material: Material, algorithm: str) -> None:
        """Prepare the key."""
        text = material.key(algorithm, "public").encode()
        if algorithm == "HS256":
            self._verify = hmac_verifier(text)
        else:
            self._verify = rsa_verifier(serialization.load_pem_public_key(text))
        # The one header that is accepted, as PyJWT writes it.
        self._header = material.tokens(algorithm, "usual")[0].partition(".")[0]
        expect_equal(json.loads(urlsafe_b64decode(self._header + "=="))["alg"], algorithm, "alg")
        self._revoked = {REVOKED: time.time()}
        self._remembered: dict[str, bytes] = {}
        self.verified = 0

    def claims_of(self, headers: Headers) -> TypedClaims:
        """Return the claims of the token in the headers of a request.

        Raises:
            RefusedError: there is no token, or one that a check refuses.
        """
        given = [value for name, value in headers if name == b"authorization"]
        if len(given) != 1 or given[0][:7].lower() != b"bearer ":
            raise RefusedError
        try:
            token = given[0][7:].decode("ascii")
            payload = self._remembered.get(token) or self._payload_of(token)
            claims = TypedClaims.model_validate_json(payload)
        except (InvalidSignature, ValueError) as exc:
            raise RefusedError from exc

        now = time.time()
        if (
            not claims.iat <= now < claims.exp
            or claims.type != "access"
            or claims.iss != ISSUER
            or claims.aud != AUDIENCE
            or claims.jti in self._revoked
            or claims.sub in self._revoked
        ):
            raise RefusedError
        return claims

    def _payload_of(self, token: str) -> bytes:
        """Return the payload of a token that is not remembered, after verifying its signature."""
        header, payload, signature = token.split(".")
        if header != self._header:
            raise ValueError
        message = token[: -len(signature) - 1].encode()
        self._verify(urlsafe_b64decode(signature + "=="), message)
        self.verified += 1
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        found = self._remembered[token] = urlsafe_b64decode(payload + "==")
        return found


def bound_checks(bound: Bound) -> Mapping[str, Any]:
    """Return the arguments with which a `Service` proves that a block verified all signatures or none."""

    def first(call: Call, inputs: Iterator[object]) -> Case:
        return _watched(bound, call, inputs, is_first=True)

    def repeat(call: Call, inputs: Iterator[object]) -> Case:
        return _watched(bound, call, inputs, is_first=False)

    return {"first": first, "repeat": repeat}


def _watched(bound: Bound, call: Call, inputs: Iterator[object], *, is_first: bool) -> Case:
    before = 0

    async def ready() -> Call:
        nonlocal before
        if not is_first:
            await call(next(inputs))
        before = bound.verified
        return call

    def check(calls: int) -> None:
        expect_equal(bound.verified - before, calls if is_first else 0, "verified signatures")

    return Case(inputs=inputs, ready=ready, check=check)
