"""The decorator: asks the authenticator before a view runs, and keeps the claims."""

from collections.abc import Callable
from functools import wraps
from inspect import isclass, iscoroutinefunction
from typing import Generic, NoReturn, Protocol, TypeVar, cast

from quart import current_app

from tokenward import Claims, TokenError
from tokenward.http import Authenticator, Requirement
from tokenward_quart._apps import KnownApps
from tokenward_quart._claims import keep_claims
from tokenward_quart._connection import connection, current, view_of
from tokenward_quart._documents import is_document
from tokenward_quart._marks import mark_given, mark_guard
from tokenward_quart._refusals import note_refusal
from tokenward_quart._schema import document_view

__all__ = ["GuardDecorator", "ViewDecorator"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
ViewT = TypeVar("ViewT", bound=Callable[..., object])


class ViewDecorator(Protocol):
    """A decorator that keeps the type of the function."""

    def __call__(self, view: ViewT, /) -> ViewT:
        """Return the guarded function."""
        ...


class GuardDecorator(Generic[ClaimsT]):
    """What `TokenAuth.required` and `TokenAuth.optional` return."""

    def __init__(
        self,
        apps: KnownApps,
        authenticator: Authenticator[ClaimsT],
        requirement: Requirement[ClaimsT],
        scheme_name: str,
    ) -> None:
        """Take what the `TokenAuth` consists of, and what the routes ask for."""
        self._apps = apps
        self._authenticator = authenticator
        self._requirement = requirement
        self._scheme_name = scheme_name
        # Quart asks for a name where this is registered by mistake; the check at the start explains.
        self.__name__ = "required"

    def __call__(self, *views: ViewT) -> ViewT:
        """Return the view with the guard before it.

        Raises:
            TypeError: it is not one function.
        """
        view = _function(views)
        own = view if iscoroutinefunction(view) else None

        @wraps(view)
        async def guarded(*args: object, **kwargs: object) -> object:
            # No local variable holds claims here: Quart's page of tracebacks would show it.
            if not await self._admit():
                return None
            # How plain functions are run is the app's to say.
            return await (own or current_app.ensure_async(view))(*args, **kwargs)

        mark_given(view, self._apps)
        mark_guard(guarded, self._apps, self._requirement)
        if not self._requirement.optional:
            document_view(guarded, self._scheme_name, tuple(self._requirement.scopes))
        return cast("ViewT", guarded)

    def __iter__(self) -> NoReturn:
        """Refuse ``decorators = auth.required()`` in a class of views.

        Raises:
            TypeError: always.
        """
        msg = "decorators is a list: decorators = [auth.required()]."
        raise TypeError(msg)

    async def _admit(self) -> bool:
        """Keep the claims of what is being handled; False where nobody has to show any."""
        found, app = connection(), current(current_app)
        self._apps.require(app)
        # Such a view is never decorated: this runs before it, for the app or a group.
        if is_document(app, found):
            return False
        authenticator = self._authenticator
        try:
            claims = await authenticator.authenticate(view_of(found), self._requirement)
        except TokenError as error:
            note_refusal(found, error, authenticator.refusal(error))
            raise
        keep_claims(found, authenticator, claims)
        return True


def _function(views: tuple[ViewT, ...]) -> ViewT:
    if not views:
        msg = (
            "auth.required() is a decorator and guards nothing by itself: guard a group with "
            "auth.guard(blueprint), and a view with @auth.required()."
        )
        raise TypeError(msg)
    view = views[0]
    if len(views) > 1 or isclass(view) or not callable(view):
        msg = (
            "auth.required() decorates one function: in a class of views write "
            "decorators = [auth.required()], and guard a group with auth.guard(blueprint)."
        )
        raise TypeError(msg)
    return view
