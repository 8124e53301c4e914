"""The claims, the secrets and the tokens of the contract; tokens can have any fault."""

import json
from collections.abc import Mapping

from tokenward.claims.model import Claims
from tokenward.jose.codec import b64url_encode
from tokenward.jose.key import Key

__all__ = [
    "NOW",
    "OTHER_SECRET",
    "SECRET",
    "CountingKey",
    "ShopClaims",
    "payload_of",
    "signed",
]

NOW = 1_800_000_000.0
"""The time of a `FrozenClock` that has not been moved."""
SECRET = "a-secret-of-more-than-thirty-two-bytes-for-tests"
OTHER_SECRET = "another-secret-of-more-than-thirty-two-bytes!!"


class ShopClaims(Claims):
    """The claims of the contract's service."""

    tenant: str
    roles: tuple[str, ...] = ()


class CountingKey(Key):
    """A key that counts its verifications."""

    __slots__ = ("_verified",)

    @property
    def verified(self) -> int:
        """How often the key was asked to verify a signature."""
        return getattr(self, "_verified", 0)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Count the call, then verify.

        Raises:
            InvalidSignatureError: the signature is not valid.
        """
        self._verified = self.verified + 1
        super().verify(message, signature)


def payload_of(now: float = NOW, /, **changes: object) -> dict[str, object]:
    """Return the claims of a token of the flask-jwt-extended family; a change to ... removes one."""
    claims: dict[str, object] = {
        "sub": "alice",
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now) + 900,
        "jti": "5f0c8a5e-6f0b-4c3f-9a52-6f6f3c1f7f11",
        "type": "access",
        "fresh": False,
    }
    claims.update(changes)
    return {name: value for name, value in claims.items() if value is not ...}


def signed(
    payload: Mapping[str, object] | bytes,
    *,
    key: Key | None = None,
    header: Mapping[str, object] | bytes | None = None,
) -> str:
    """Return a token with a valid signature; its header and payload may be invalid."""
    key = Key.from_secret(SECRET) if key is None else key
    if header is None:
        header = {"alg": key.algorithm.name, "typ": "JWT"}
        if key.kid is not None:
            header = {**header, "kid": key.kid}
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    message = f"{b64url_encode(head)}.{b64url_encode(body)}"
    return f"{message}.{b64url_encode(key.sign(message.encode()))}"
