"""What claims must keep meeting while a connection is open: how old the login may become."""

from datetime import timedelta
from typing import Final, NamedTuple

from tokenward.claims.model import Claims

__all__ = ["LoginLimit", "add_login_limit", "login_limits"]

# Not a field: it is in no comparison, no representation and no serialization of claims.
_NAME: Final = "_login_limits"


class LoginLimit(NamedTuple):
    """What a route required of the login, as far as it can end with time."""

    fresh: bool
    """Whether the token must be marked fresh."""
    acr: tuple[str, ...] | None
    """The levels of the login, which the error names as well."""
    max_age: timedelta | None
    """The maximum time since the login."""


def add_login_limit(claims: Claims, limit: LoginLimit) -> None:
    """Note that claims have met a limit; their copies have met it too.

    Args:
        claims: the claims of a request.
        limit: the limit of its route.
    """
    limits = login_limits(claims)
    if limit not in limits:
        vars(claims)[_NAME] = (*limits, limit)


def login_limits(claims: Claims) -> tuple[LoginLimit, ...]:
    """Return the limits that claims have met, in order."""
    limits: tuple[LoginLimit, ...] = vars(claims).get(_NAME, ())
    return limits
