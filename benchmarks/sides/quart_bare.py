"""The routes of Quart that need no token: a bare one, and one with an empty decorator."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from asgi import PATH, Application
from material import SUBJECT
from quart import Quart

RUNS_ON = ("quart", "werkzeug", "pyjwt", "cryptography")
View = Callable[..., Awaitable[Any]]


def nothing(view: View) -> View:
    """Decorate a view without adding anything."""

    @wraps(view)
    async def wrapped(*args: object, **kwargs: object) -> object:
        return await view(*args, **kwargs)

    return wrapped


def open_apps() -> dict[str, Application]:
    """Return the apps, one for each route."""
    bare_app, empty_app = Quart(__name__), Quart(__name__)

    @bare_app.get(PATH)
    async def bare() -> dict[str, str]:
        return {"user": SUBJECT}

    @empty_app.get(PATH)
    @nothing
    async def empty() -> dict[str, str]:
        return {"user": SUBJECT}

    return {"bare": bare_app, "empty": empty_app}
