"""The keys and tokens that all sides share: where they lie, and what is in them.

The runner writes them, with PyJWT, so that no side gets tokens made to its own taste. This module knows no
library; it is read in every environment.
"""

from dataclasses import dataclass
from pathlib import Path

ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")
SERVED = ("HS256", "RS256")
"""Of their usual tokens there are more than an engine remembers by default."""
SIZES = ("small", "usual", "2KB")
ISSUER, AUDIENCE = "https://shop.example", "shop-api"
SUBJECT, KEY_ID = "alice", "bench"
EXTRA = {"tenant": "acme", "roles": ["buyer", "admin"]}
SCOPE = "orders:read orders:write"
REVOKED = "revoked"
"""The ``jti`` that every side has in its list of revoked tokens."""
REFUSED = ("forged", "expired", "misaddressed", "misissued", REVOKED)
"""Tokens that must not pass, in the order of their file; the last one only where revocation is asked."""


@dataclass(frozen=True, slots=True)
class Material:
    """A folder of keys and tokens, read piece by piece."""

    folder: Path

    def key(self, algorithm: str, half: str) -> str:
        """Give a secret or a PEM text; `half` is ``private`` or ``public``, the same for a secret."""
        return (self.folder / f"{algorithm}-{half}.key").read_text()

    def tokens(self, algorithm: str, kind: str) -> list[str]:
        """Give tokens; `kind` is ``small``, ``usual``, ``2KB``, ``refused`` or ``garbage``."""
        return self.path(algorithm, kind).read_text().splitlines()

    def refused(self, algorithm: str) -> dict[str, str]:
        """Give the tokens that must not pass, by what is wrong with them."""
        return dict(zip(REFUSED, self.tokens(algorithm, "refused"), strict=True))

    def path(self, algorithm: str, kind: str) -> Path:
        """Say where some tokens lie, one a line."""
        return self.folder / f"{algorithm}-{kind}.tokens"
