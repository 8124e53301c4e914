"""The routes of Litestar that need no token: a bare one, and one with an empty guard."""

from typing import Any

from asgi import PATH, Application
from litestar import Litestar, get
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from material import SUBJECT

RUNS_ON = ("litestar", "msgspec", "pyjwt", "cryptography")


def open_apps() -> dict[str, Application]:
    """Return the apps, one for each route."""

    async def nothing(
        _connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler
    ) -> None:
        pass

    @get(PATH)
    async def bare() -> dict[str, str]:
        return {"user": SUBJECT}

    @get(PATH, guards=[nothing])
    async def empty() -> dict[str, str]:
        return {"user": SUBJECT}

    return {"bare": Litestar([bare]), "empty": Litestar([empty])}
