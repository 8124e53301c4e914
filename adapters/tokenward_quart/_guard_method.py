"""`TokenAuth.guard`: requires a token for a blueprint or an app."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Generic, TypeVar

from quart import Blueprint, Quart

from tokenward import Claims, TokenType
from tokenward.claims import ActorRule
from tokenward.http import BaseTokenAuth, Carrier, KeyBinding, keyword_arguments_only
from tokenward_quart._decorator import ViewDecorator
from tokenward_quart._route_groups import guard_group

__all__ = ["GuardMethod"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class GuardMethod(BaseTokenAuth[ClaimsT, ViewDecorator, ViewDecorator], Generic[ClaimsT]):
    """The method `guard` of `TokenAuth`."""

    @keyword_arguments_only("auth.guard(group) or auth.guard(group, scopes=[...])")
    def guard(  # noqa: PLR0913 - what `required` takes
        self,
        group: Quart | Blueprint,
        *,
        type: TokenType = "access",
        fresh: bool = False,
        max_age: timedelta | None = None,
        acr: Sequence[str] | None = None,
        actor: ActorRule | None = None,
        scopes: Collection[str] = (),
        any_scope: Collection[str] | None = None,
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
        dpop: KeyBinding = "allowed",
        mtls: KeyBinding = "allowed",
    ) -> None:
        """Require a token for every HTTP and WebSocket route of a blueprint or of the app.

        ::

            auth.guard(admin, scopes=["admin"])
            app.register_blueprint(admin)

        The guard includes nested blueprints and static files. Use it instead of a decorated
        ``before_request`` function, which Quart runs only for HTTP, so that WebSockets would stay
        unprotected. A handler can require more with `required`. Published keys stay public.

        Args:
            group: a blueprint that is not registered yet, or an app.
            type: as for `required`.
            fresh: as for `required`.
            max_age: as for `required`.
            acr: as for `required`.
            actor: as for `required`.
            scopes: as for `required`.
            any_scope: as for `required`.
            carriers: as for `required`.
            check: as for `required`.
            dpop: as for `required`.
            mtls: as for `required`.

        Raises:
            TypeError: `group` is neither a blueprint nor an app.
            ConfigurationError: an argument is invalid.
        """
        decorator = self.required(
            type=type,
            fresh=fresh,
            max_age=max_age,
            acr=acr,
            actor=actor,
            scopes=scopes,
            any_scope=any_scope,
            carriers=carriers,
            check=check,
            dpop=dpop,
            mtls=mtls,
        )
        guard_group(group, decorator)
