"""Loads the user of a connection once, for ``connection.user``."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeAlias, TypeVar, cast

from litestar.connection import ASGIConnection

from tokenward import Claims, TokenRejectedError
from tokenward.hooks import maybe_await
from tokenward.http import check_callable

__all__ = ["LoadUser", "UserLoader"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
LoadUser: TypeAlias = Callable[
    [ClaimsT, ASGIConnection[Any, Any, Any, Any]], Awaitable[object] | object
]


class UserLoader(Generic[ClaimsT]):
    """Loads users with a function of the application."""

    def __init__(self, load_user: LoadUser[ClaimsT]) -> None:
        """Take the function.

        Raises:
            ConfigurationError: it cannot be called with claims and a connection.
        """
        example = "async def load_user(claims, connection): ..."
        check_callable(load_user, "load_user", example, takes=2)
        self._load_user = load_user

    async def load(
        self, claims: ClaimsT | None, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> None:
        """Put the user of the claims into ``connection.user``; without claims, None.

        Guards of one route have the same claims, unless they read two tokens. Only new claims need
        another call of the function.

        Raises:
            TokenRejectedError: there is no such user.
        """
        scope = cast("dict[str, Any]", connection.scope)
        users: dict[UserLoader[Any], tuple[Claims | None, object]]
        users = scope.setdefault("tokenward.users", {})
        if self not in users or users[self][0] != claims:
            user = None
            if claims is not None:
                user = await maybe_await(self._load_user(claims, connection))
                if user is None:
                    raise TokenRejectedError
            users[self] = claims, user

        if len(users) == 1:
            scope["user"] = users[self][1]
        else:  # two TokenAuth have users: request.user would be ambiguous
            scope.pop("user", None)
