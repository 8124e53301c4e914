"""What several tests need: secrets, claims, engines and raw tokens."""

import json
import os
import traceback
from collections.abc import Mapping

from tokenward import Claims, Key, KeyRing, MemoryStore, RevocationStore, TokenEngine, TokenPolicy
from tokenward.jose.codec import b64url_encode
from tokenward.testing import FrozenClock

NOW = 1_800_000_000.0
SECRET = "a-secret-of-more-than-thirty-two-bytes-for-tests"
OTHER_SECRET = "another-secret-of-more-than-thirty-two-bytes!!"
IS_DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "ci"
"""Whether races and the like are repeated often, as `.ci/run` wants it, or a few times."""


class ShopClaims(Claims):
    """The claims of the examples."""

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
        """Count the call, then verify."""
        self._verified = self.verified + 1
        super().verify(message, signature)


def engine_with(
    clock: FrozenClock,
    *,
    keys: KeyRing | None = None,
    policy: TokenPolicy | None = None,
    store: RevocationStore | None = None,
) -> TokenEngine[Claims]:
    """Build an engine with a MemoryStore and a frozen clock."""
    return TokenEngine(
        KeyRing.from_secret(SECRET) if keys is None else keys,
        policy=TokenPolicy() if policy is None else policy,
        store=MemoryStore() if store is None else store,
        clock=clock,
    )


def payload_of(now: float = NOW, **changes: object) -> dict[str, object]:
    """Give the claims of a token of the flask-jwt-extended family; a change to ... removes one."""
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
    """Sign whatever is given, however wrong, with a good signature."""
    key = Key.from_secret(SECRET) if key is None else key
    if header is None:
        header = {"alg": key.algorithm.name, "typ": "JWT"}
        if key.kid is not None:
            header = {**header, "kid": key.kid}
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    message = f"{b64url_encode(head)}.{b64url_encode(body)}"
    return f"{message}.{b64url_encode(key.sign(message.encode()))}"


def everything_of(error: BaseException | None) -> str:
    """Return what a traceback of an error shows, of its causes and hidden contexts as well."""
    shown = "".join(traceback.format_exception(error))
    while error is not None:
        shown += repr(error) + str(error)
        error = error.__cause__ or error.__context__
    return shown
