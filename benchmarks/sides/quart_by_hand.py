"""A hand-written decorator with PyJWT in Quart."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import jwt
from asgi import PATH
from material import Material
from pyjwt_by_hand import Checker
from quart import Quart, g, request
from quart_bare import RUNS_ON, open_apps
from requesting import Service, run

View = Callable[..., Awaitable[Any]]
REFUSED = {"detail": "Not authenticated"}, 401, {"WWW-Authenticate": "Bearer"}


def login_required(checker: Checker) -> Callable[[View], View]:
    """Return a decorator that requires a token which the checker accepts."""

    def decorate(view: View) -> View:
        @wraps(view)
        async def guarded(*args: object, **kwargs: object) -> object:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                return REFUSED
            try:
                g.claims = checker.claims_of(token)
            except jwt.InvalidTokenError:
                return REFUSED
            return await view(*args, **kwargs)

        return guarded

    return decorate


async def build(material: Material, algorithm: str) -> Service:
    """Build the service."""
    app, checker = Quart(__name__), Checker(material, algorithm)

    @app.get(PATH)
    @login_required(checker)
    async def user() -> dict[str, str]:
        return {"user": g.claims["sub"]}

    return Service(open=open_apps(), guarded={"main": app}, runs_on=RUNS_ON)


if __name__ == "__main__":
    run(build)
