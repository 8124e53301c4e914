"""How the tests describe a provider: a faithful token, its JWK set, and what must be refused."""

from dataclasses import dataclass, field
from typing import Any

from tests.docs.local_issuer import signing_key
from tests.docs.pages import block_with
from tests.support import NOW

TIMES = {"iat": NOW - 60, "exp": NOW + 3540}
# RSA keys for encryption, and a key type from the future.
ENCRYPTION = signing_key("RS256", "for-encryption").jwk(
    {"alg": "RSA-OAEP", "use": "enc", "x5c": True}
)
UNKNOWN = {"kty": "FUTURE", "kid": "unknown", "use": "sig", "alg": "PQ1", "pub": "AAAA"}


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One provider: a faithful token, what is typed of it, and what must be refused."""

    phrase: str
    """What only the program of this recipe contains."""
    payload: dict[str, Any]
    """The claims of a token that is accepted."""
    typed: dict[str, Any]
    """Attributes of the claims, as the model of the recipe types them."""
    refused: list[tuple[dict[str, Any], type[Exception]]]
    """Changes of the payload, or with `iss` whole payloads, and the error of each."""
    without_role: dict[str, Any]
    """A change that makes a valid token fail the check of the recipe."""
    also_accepted: list[dict[str, Any]] = field(default_factory=list)
    """Changes after which the token is still accepted."""
    jwks_url: str
    metadata_url: str | None = None
    """Where the metadata is; None: the recipe names the URL of the keys."""
    scope: str | None = "orders.read"
    """A scope of the token; None: the provider has no scopes."""
    algorithm: str = "RS256"
    header: dict[str, Any] = field(default_factory=lambda: {"typ": "JWT"})
    jwk_members: dict[str, Any] = field(default_factory=dict)
    """Changes of each JWK; True: the member of a real certificate, if it is one."""
    other_keys: list[Any] = field(default_factory=list)
    """Members of the JWK set that are not for tokens."""
    set_members: dict[str, Any] = field(default_factory=dict)
    token_header: bytes = b"authorization"
    """The header that carries the token."""
    page: str
    """The page of the recipe in docs/providers."""

    @property
    def program(self) -> str:
        """The program of the recipe."""
        return block_with(f"providers/{self.page}", self.phrase)
