"""What a route requires of a token, checked once when the route is declared."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Any, Generic, TypeVar

from tokenward._arguments import check_callable
from tokenward.claims.model import Claims, TokenType
from tokenward.errors import ConfigurationError, InsufficientScopeError
from tokenward.http.carriers import Carrier, checked_carriers
from tokenward.tokens.arguments import checked_scope

__all__ = ["Requirement", "scope_alternatives"]

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
    any_scope: Collection[str] | None = None
    """Scopes of which the token must contain at least one. Stored as a tuple; empty if None."""
    carriers: Sequence[Carrier] | None = None
    """Where the token is looked for, instead of the authenticator's carriers."""
    check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None
    """A check of your own, called with the claims; any result but True refuses the request."""
    optional: bool = False
    """Whether a request without a token passes, with None as its claims. An invalid token is
    still refused."""
    checks_claims: bool = field(init=False, repr=False, compare=False)
    """Whether there is anything to check of the claims of a valid token."""

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
        self._check_any_scope()
        if self.carriers is not None:
            object.__setattr__(self, "carriers", checked_carriers(self.carriers))

        if self.check is not None:
            check_callable(
                self.check, "check", "check=lambda claims: claims.sub == 'root'", takes=1
            )
        if not isinstance(self.optional, bool):
            msg = "optional must be True or False."
            raise ConfigurationError(msg)

        checks_claims = bool(self.fresh or self.scopes or self.any_scope) or self.check is not None
        object.__setattr__(self, "checks_claims", checks_claims)

    def _check_any_scope(self) -> None:
        any_scope = () if self.any_scope is None else self.any_scope
        checked_scope(any_scope, "any_scope")
        if self.any_scope is not None and not any_scope:
            msg = (
                "any_scope must contain at least one scope, because no token has one of none: omit "
                "it, or name the scopes."
            )
            raise ConfigurationError(msg)

        object.__setattr__(self, "any_scope", tuple(any_scope))

    def check_scopes(self, claims: Claims, further_scopes: Sequence[str] = ()) -> None:
        """Check the scopes of a valid token.

        Args:
            claims: the claims of the token.
            further_scopes: scopes required in addition to `scopes`, all of them.

        Raises:
            InsufficientScopeError: a scope is missing. The error, and so the challenge, names every
                scope of the requirement: a token with all of them is sufficient.
        """
        required, any_scope = (*self.scopes, *further_scopes), self.any_scope or ()
        granted = claims.scopes
        if not granted.issuperset(required) or (any_scope and granted.isdisjoint(any_scope)):
            raise InsufficientScopeError(tuple(dict.fromkeys((*required, *any_scope))))


def scope_alternatives(
    requirements: Iterable[Requirement[Any]], further_scopes: Iterable[str] = ()
) -> list[list[str]]:
    """Return every smallest set of scopes that meets all of these requirements.

    For OpenAPI, where the alternatives of a route are several Security Requirement Objects (OpenAPI
    3.1 §4.8.30). The result has at least one element, which is empty if no scope is required.

    Args:
        requirements: the requirements that apply to one route.
        further_scopes: scopes required in addition.
    """
    required = list(further_scopes)
    choices: list[Collection[str]] = []
    for requirement in requirements:
        required += requirement.scopes
        if requirement.any_scope:
            choices.append(requirement.any_scope)

    combined = [list(dict.fromkeys((*required, *chosen))) for chosen in product(*choices)]
    sets = [frozenset(scopes) for scopes in combined]
    return [
        scopes
        for index, scopes in enumerate(combined)
        if not any(each < sets[index] for each in sets) and sets[index] not in sets[:index]
    ]
