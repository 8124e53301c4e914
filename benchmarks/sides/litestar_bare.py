"""The route of Litestar that needs no token."""

from asgi import PATH, Application
from litestar import Litestar, get
from material import SUBJECT

RUNS_ON = ("litestar", "msgspec", "pyjwt", "cryptography")


def open_apps() -> dict[str, Application]:
    """Return the app; without one for an empty guard, for which Litestar copies the handler, but not for Tokenward's."""

    @get(PATH)
    async def bare() -> dict[str, str]:
        return {"user": SUBJECT}

    return {"bare": Litestar([bare])}
