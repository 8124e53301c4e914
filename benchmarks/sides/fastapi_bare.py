"""The routes of FastAPI that need no token: a bare one, and one with an empty dependency."""

from typing import Annotated

from asgi import PATH, Application
from fastapi import Depends, FastAPI
from material import SUBJECT

RUNS_ON = ("fastapi", "starlette", "pydantic", "pyjwt", "cryptography")


def open_apps() -> dict[str, Application]:
    """Return the apps, one for each route."""
    bare_app, empty_app = FastAPI(), FastAPI()

    @bare_app.get(PATH)
    async def bare() -> dict[str, str]:
        return {"user": SUBJECT}

    async def nothing() -> None:
        pass

    @empty_app.get(PATH)
    async def empty(_nothing: Annotated[None, Depends(nothing)]) -> dict[str, str]:
        return {"user": SUBJECT}

    return {"bare": bare_app, "empty": empty_app}
