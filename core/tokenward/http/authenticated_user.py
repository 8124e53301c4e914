"""What your application returns after a login at a `TokenEndpoint`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tokenward.claims.acr import check_acr
from tokenward.tokens.arguments import checked_scope

__all__ = ["AuthenticatedUser"]


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """A user whose name and password are right, and what the tokens of the session contain.

    Raises:
        ConfigurationError, TypeError: `scopes` is one text, or contains an invalid scope; or `acr`
            is invalid.
    """

    subject: str
    """The ``sub`` of the tokens."""
    claims: Mapping[str, object] | None = None
    """Your own lasting claims; see `TokenEngine.issue_pair`."""
    scopes: Collection[str] = ()
    """The scopes that the user may have. A client that requests some of them gets only those."""

    acr: str | None = None
    """The level of the login, for routes that require one (RFC 9470)."""
    label: str | None = None
    """A name of the session for its user; see `TokenEngine.issue_pair`."""

    def __post_init__(self) -> None:
        """Validate the scopes and the level."""
        checked_scope(self.scopes)
        if self.acr is not None:
            check_acr(self.acr)
