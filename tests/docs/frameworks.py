"""Apps that consist of the programs of a page, in each framework."""

from importlib import import_module
from typing import Any

FRAMEWORKS = ("fastapi", "litestar", "quart")


def assumed_by_programs(framework: str, engine: Any, **settings: Any) -> dict[str, Any]:
    """Return the engine, the `TokenAuth` and the app that the programs of a page use."""
    auth = import_module(f"tokenward_{framework}").TokenAuth(engine, **settings)
    # FastAPI and Litestar find the annotations of a handler in its module.
    names = {"engine": engine, "auth": auth, "__name__": __name__}
    if framework == "litestar":
        return names
    if framework == "fastapi":
        from fastapi import FastAPI

        names["app"] = FastAPI()
    else:
        from quart import Quart

        names["app"] = Quart("shop")
    auth.init_app(names["app"])
    return names


def app_of(framework: str, names: dict[str, Any]) -> Any:
    """Return the app with the routes of the programs that have run."""
    if framework != "litestar":
        return names["app"]
    from litestar import Litestar
    from litestar.handlers import BaseRouteHandler

    handlers = [each for each in names.values() if isinstance(each, BaseRouteHandler)]
    return Litestar(handlers, plugins=[names["auth"]])


def app_with(framework: str, auth: Any, guards: dict[str, Any]) -> Any:
    """Return an app with a route for each guard, by path, which answers the subject."""
    if framework == "litestar":
        from litestar import Litestar, Request, get

        def read(request: Request) -> dict[str, str]:
            return {"sub": request.auth.sub}

        handlers = [
            get(path, guards=[guard], sync_to_thread=False)(read) for path, guard in guards.items()
        ]
        return Litestar(handlers, plugins=[auth])
    if framework == "fastapi":
        from fastapi import Depends, FastAPI

        app = FastAPI()
        for path, guard in guards.items():
            needed = Depends(guard)
            app.get(path)(lambda claims=needed: {"sub": claims.sub})
    else:
        from quart import Quart

        app = Quart(__name__)
        for path, guard in guards.items():
            view = guard(lambda: {"sub": auth.current_claims.sub})
            app.add_url_rule(path, endpoint=path, view_func=view)
    auth.init_app(app)
    return app


def bearer(token: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"Authorization": f"Bearer {token}"}
