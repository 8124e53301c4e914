"""A hand-written check with PyJWT: the key prepared once, all claims checked, revocation looked up."""

from collections.abc import Iterable
from typing import Any

import jwt
from material import AUDIENCE, ISSUER, REVOKED, Material

Claims = dict[str, Any]


class Checker:
    """Checks the tokens of one key."""

    def __init__(
        self, material: Material, algorithm: str, *, revoked: Iterable[str] = (REVOKED,)
    ) -> None:
        """Prepare the key, and the identities of revoked tokens."""
        self._key = jwt.get_algorithm_by_name(algorithm).prepare_key(
            material.key(algorithm, "public")
        )
        self._algorithms = [algorithm]
        self._revoked = set(revoked)

    def claims_of(self, token: str) -> Claims:
        """Return the claims of a valid token.

        Raises:
            InvalidTokenError: the token is invalid, expired or revoked.
        """
        claims = jwt.decode(
            token,
            self._key,
            algorithms=self._algorithms,
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": ["exp"]},
        )
        if claims["jti"] in self._revoked:
            raise jwt.InvalidTokenError
        return claims
