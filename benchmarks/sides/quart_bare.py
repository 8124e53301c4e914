"""The route of Quart that needs no token."""

from asgi import PATH, Application
from material import SUBJECT
from quart import Quart

RUNS_ON = ("quart", "werkzeug", "pyjwt", "cryptography")


def open_apps() -> dict[str, Application]:
    """Build it."""
    app = Quart(__name__)

    @app.get(PATH)
    async def bare() -> dict[str, str]:
        return {"user": SUBJECT}

    return {"bare": app}
