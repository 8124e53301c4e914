"""What a route requires of a token, checked once when the route is declared."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from tokenward._arguments import check_callable
from tokenward.claims.model import Claims, TokenType
from tokenward.errors import ConfigurationError
from tokenward.http.carriers import Carrier, checked_carriers
from tokenward.tokens.arguments import checked_scope

__all__ = ["Requirement"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


# No slots: with them Requirement[ShopClaims](...) is a TypeError on Python 3.11.
@dataclass(frozen=True, kw_only=True)
class Requirement(Generic[ClaimsT]):
    """What one route requires of a token; `required` and `optional` of the adapters build it.

    Raises:
        ConfigurationError, TypeError: a value is invalid.
    """

    type: TokenType = "access"
    """The token type that the route accepts."""
    fresh: bool | timedelta = False
    """True: the token must be marked fresh. A timedelta: the maximum age of the user's login."""
    scopes: Collection[str] = ()
    """The scopes that the token must contain, all of them. Stored as a tuple."""
    carriers: Sequence[Carrier] | None = None
    """Where the token is looked for, instead of the authenticator's carriers."""
    check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None
    """A check of your own, called with the claims; any result but True refuses the request."""
    optional: bool = False
    """Whether a request without a token passes, with None as its claims. An invalid token is
    still refused."""

    def __post_init__(self) -> None:
        """Validate all values."""
        if self.type not in ("access", "refresh"):
            msg = "type must be 'access' or 'refresh'."
            raise ConfigurationError(msg)

        is_age = isinstance(self.fresh, timedelta) and self.fresh > timedelta(0)
        if not is_age and not isinstance(self.fresh, bool):
            msg = "fresh must be True, False or a timedelta above zero."
            raise ConfigurationError(msg)

        checked_scope(self.scopes)
        object.__setattr__(self, "scopes", tuple(self.scopes))
        if self.carriers is not None:
            object.__setattr__(self, "carriers", checked_carriers(self.carriers))

        if self.check is not None:
            check_callable(
                self.check, "check", "check=lambda claims: claims.sub == 'root'", takes=1
            )
        if not isinstance(self.optional, bool):
            msg = "optional must be True or False."
            raise ConfigurationError(msg)
