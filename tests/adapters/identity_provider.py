"""An identity provider: its keys, its access tokens, the logins of its users, and a store that can fail."""

import hmac
import json
from typing import Any

import httpx

from tests.support import NOW, signed
from tokenward import (
    Claims,
    Key,
    MemoryStore,
    RemoteKeySet,
    TokenEngine,
    TokenPair,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.jose.codec import b64url_encode
from tokenward.tokens import ProviderLogin

PROVIDER = "https://login.example/"
KEY = Key.generate("ES256", kid="of the provider")
OTHER_KEY = Key.generate("ES256", kid="of somebody else")
URL = "https://login.example/jwks"
OF_PROVIDER = TokenPolicy(
    issuer=PROVIDER,
    audience="shop-api",
    required_claims={"exp", "sub"},
    type_source="always-access",
)


class PatchyStore(MemoryStore):
    """A store that can fail, in general or after a number of revocations."""

    is_down = False
    revokes_left = 1_000

    async def revoke(self, *arguments: Any, **options: Any) -> None:
        """Fail, or revoke."""
        self.revokes_left -= 1
        if self.is_down or self.revokes_left < 0:
            raise ConnectionError
        await super().revoke(*arguments, **options)

    async def consume(self, *arguments: Any, **options: Any) -> Any:
        """Fail, or consume."""
        if self.is_down:
            raise ConnectionError
        return await super().consume(*arguments, **options)


class Provider:
    """The identity provider: its key set, and its logout tokens."""

    def __init__(self) -> None:
        self.is_down = False
        self.fetches = 0
        transport = httpx.MockTransport(self._answer)
        self.client = httpx.AsyncClient(transport=transport)
        self.keys = RemoteKeySet(URL, algorithms=["ES256"], client=self.client)

    def _answer(self, _: httpx.Request) -> httpx.Response:
        self.fetches += 1
        if self.is_down:
            return httpx.Response(500)
        return httpx.Response(200, json={"keys": [KEY.public_jwk()]})


LOGIN = ProviderLogin(
    issuer=PROVIDER, subject="248289761001", session="08a5019c-17e1-4977-8f42-65a12843ea02"
)
SAME_USER = ProviderLogin(issuer=PROVIDER, subject="248289761001", session="another session")
WITHOUT_SID = ProviderLogin(issuer=PROVIDER, subject="248289761001")
OTHER_USER = ProviderLogin(issuer=PROVIDER, subject="bob", session="a session of bob")
OTHER_PROVIDER = ProviderLogin(
    issuer="https://login.example", subject="248289761001", session=LOGIN.session
)


async def is_open(engine: TokenEngine[Claims], pair: TokenPair) -> bool:
    """Whether a session is open; its access token and its refresh token agree."""
    results = []
    for token, kind in ((pair.access_token, "access"), (pair.refresh_token, "refresh")):
        try:
            await engine.decode(token, type=kind)  # type: ignore[arg-type] # both are types
            results.append(True)
        except TokenRevokedError:
            results.append(False)
    assert results[0] == results[1]
    return results[0]


async def begin(engine: TokenEngine[Claims], *logins: ProviderLogin | None) -> list[TokenPair]:
    """Begin a session with each login; the service has its own name for the user."""
    return [await engine.issue_pair("user 7", provider_login=login) for login in logins]


ALL = (LOGIN, SAME_USER, WITHOUT_SID, OTHER_USER, OTHER_PROVIDER, None)


async def open_sessions(engine: TokenEngine[Claims], pairs: list[TokenPair]) -> list[bool]:
    """Whether each session is open."""
    return [await is_open(engine, pair) for pair in pairs]


def access_token(**changes: object) -> str:
    """Return an access token of the provider."""
    whole = {"iss": PROVIDER, "sub": "248289761001", "aud": "shop-api", "exp": int(NOW) + 900}
    return signed({**whole, "iat": int(NOW) - 5, **changes}, key=KEY)


async def are_accepted(engine: TokenEngine[Claims], *tokens: str) -> list[bool]:
    """Whether an engine accepts each token."""
    found = []
    for token in tokens:
        try:
            found.append(bool(await engine.decode(token)))
        except TokenRevokedError:
            found.append(False)
    return found


def signed_with_the_public_key(members: object, header: dict[str, object]) -> str:
    """Return a token with an HMAC, whose secret is the text of the public key."""
    head, payload, _ = signed(members, key=KEY, header={**header, "alg": "HS256"}).split(".")
    secret = json.dumps(KEY.public_jwk()).encode()
    code = hmac.digest(secret, f"{head}.{payload}".encode(), "sha256")
    return f"{head}.{payload}.{b64url_encode(code)}"


def without_removed(members: dict[str, object]) -> dict[str, object]:
    """Return the members whose value is not ``...``."""
    return {name: value for name, value in members.items() if value is not ...}


def token_of(members: dict[str, object], key: Key, typ: object) -> str:
    """Return a signed token; without a ``typ`` if it is ``...``."""
    header = without_removed({"alg": key.algorithm.name, "kid": key.kid, "typ": typ})
    return signed(members, key=key, header=header)
