"""The keys and tokens that all sides share: their files and their content.

The runner makes them with PyJWT, so that no side gets tokens that favour it. This module imports no library,
because it runs in every environment.
"""

from dataclasses import dataclass
from pathlib import Path

ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")
SERVED = ("HS256", "RS256")
"""The algorithms with more usual tokens than the signature cache holds by default."""
SIZES = ("small", "usual", "2KB")
ISSUER, AUDIENCE = "https://shop.example", "shop-api"
SUBJECT, KEY_ID = "alice", "bench"
EXTRA = {"tenant": "acme", "roles": ["buyer", "admin"]}
SCOPE = "orders:read orders:write"
REVOKED = "revoked"
"""The ``jti`` that is revoked on every side."""
REFUSED = ("forged", "expired", "misaddressed", "misissued", REVOKED)
"""Tokens that must be refused, in the order of their file; the last only by sides that check revocation."""


@dataclass(frozen=True, slots=True)
class Material:
    """A folder of keys and tokens."""

    folder: Path

    def key(self, algorithm: str, half: str) -> str:
        """Return a PEM or a secret; `half` is ``private`` or ``public``, which are the same for a secret."""
        return (self.folder / f"{algorithm}-{half}.key").read_text()

    def tokens(self, algorithm: str, kind: str) -> list[str]:
        """Return tokens; `kind` is ``small``, ``usual``, ``2KB``, ``refused`` or ``garbage``."""
        return self.path(algorithm, kind).read_text().splitlines()

    def refused(self, algorithm: str) -> dict[str, str]:
        """Return the tokens that must be refused, by their fault."""
        return dict(zip(REFUSED, self.tokens(algorithm, "refused"), strict=True))

    def path(self, algorithm: str, kind: str) -> Path:
        """Return the path of a file of tokens, one on each line."""
        return self.folder / f"{algorithm}-{kind}.tokens"
