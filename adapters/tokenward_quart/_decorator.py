"""The decorator that authenticates a request before a view runs, and stores its claims."""

from collections.abc import Callable
from functools import wraps
from inspect import isclass, iscoroutinefunction
from typing import Generic, NoReturn, Protocol, TypeVar, cast

from quart import current_app

from tokenward import Claims, TokenError
from tokenward.http import Authenticator, DocumentedGuard, Requirement, SecuritySchemes
from tokenward_quart._apps import RegisteredApps
from tokenward_quart._claims import store_claims
from tokenward_quart._connection import current_connection, unwrap_proxy, view_of
from tokenward_quart._openapi import document_view
from tokenward_quart._published_documents import is_public
from tokenward_quart._refusals import remember_refusal
from tokenward_quart._view_functions import mark_guard, mark_passed_to_decorator

__all__ = ["GuardDecorator", "ViewDecorator"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
ViewT = TypeVar("ViewT", bound=Callable[..., object])


class ViewDecorator(Protocol):
    """A decorator that keeps the type of the function."""

    def __call__(self, view: ViewT, /) -> ViewT:
        """Return the guarded function."""
        ...


class GuardDecorator(Generic[ClaimsT]):
    """The decorator that `TokenAuth.required` and `TokenAuth.optional` return."""

    def __init__(
        self,
        apps: RegisteredApps,
        authenticator: Authenticator[ClaimsT],
        requirement: Requirement[ClaimsT],
        schemes: SecuritySchemes,
    ) -> None:
        """Create the decorator for one requirement of a `TokenAuth`."""
        self._apps = apps
        self._authenticator = authenticator
        self._requirement = requirement
        self._documented = DocumentedGuard(schemes, requirement)
        # Quart needs a name if this object is registered by mistake; the startup check explains it.
        self.__name__ = "required"

    def __call__(self, *views: ViewT) -> ViewT:
        """Return a function that authenticates the request before it calls the view.

        Raises:
            TypeError: the argument is not exactly one function.
        """
        view = _only_function(views)
        async_view = view if iscoroutinefunction(view) else None

        @wraps(view)
        async def guarded(*args: object, **kwargs: object) -> object:
            # No local variable contains claims here: Quart's traceback page would show them.
            if not await self._authenticate():
                return None
            # The app decides how synchronous functions run.
            return await (async_view or current_app.ensure_async(view))(*args, **kwargs)

        mark_passed_to_decorator(view, self._apps)
        mark_guard(guarded, self._apps, self._requirement)
        document_view(guarded, self._documented)
        return cast("ViewT", guarded)

    def __iter__(self) -> NoReturn:
        """Report ``decorators = auth.required()`` in a view class.

        Raises:
            TypeError: always.
        """
        msg = "decorators must be a list: write decorators = [auth.required()]."
        raise TypeError(msg)

    async def _authenticate(self) -> bool:
        """Store the claims of the current request. False if the request needs no token."""
        connection, app = current_connection(), unwrap_proxy(current_app)
        self._apps.require(app)
        # The views of published documents are public, also in a guarded app or blueprint.
        if is_public(app, connection):
            return False

        authenticator = self._authenticator
        try:
            claims = await authenticator.authenticate(view_of(connection), self._requirement)
        except TokenError as error:
            refusal = authenticator.refusal(error, self._requirement)
            remember_refusal(connection, error, refusal)
            raise

        store_claims(connection, authenticator, claims)
        return True


def _only_function(views: tuple[ViewT, ...]) -> ViewT:
    if not views:
        msg = (
            "auth.required() is a decorator: write @auth.required() above a view, or guard a group "
            "with auth.guard(blueprint)."
        )
        raise TypeError(msg)

    view = views[0]
    if len(views) > 1 or isclass(view) or not callable(view):
        msg = (
            "auth.required() decorates one function: in a view class write "
            "decorators = [auth.required()], and guard a group with auth.guard(blueprint)."
        )
        raise TypeError(msg)

    return view
