"""The programs of the page about OpenAPI, in the documents of their frameworks."""

import json
from types import SimpleNamespace

import pytest
from fastapi import Depends, FastAPI
from litestar import Litestar
from pydantic import BaseModel
from quart import Quart
from quart_schema import QuartSchema

import tokenward_fastapi
import tokenward_litestar
import tokenward_quart
from tests.docs.pages import block_with, run
from tests.support import engine_with
from tokenward import CookieCarrier, KeyRing, TokenEngine
from tokenward.testing.adapters.service import client_of


class Login(BaseModel):
    """A name and a password."""

    name: str
    password: str


def settings(clock):
    """Return the arguments of a `TokenAuth` with cookies."""
    return {"engine": engine_with(clock), "carriers": [CookieCarrier()]}


def fastapi_document(clock, phrase):
    """Run a block for FastAPI and return the document."""
    app, auth = FastAPI(), tokenward_fastapi.TokenAuth(**settings(clock))
    auth.init_app(app)
    names = {"app": app, "auth": auth, "Login": Login}
    exec(block_with("openapi.md", phrase), names)  # noqa: S102 - our own document
    return app.openapi()


def litestar_document(clock, phrase):
    """Run a block for Litestar and return the document."""
    auth = tokenward_litestar.TokenAuth(**settings(clock))
    names = {"auth": auth, "Login": Login}
    names["__name__"] = __name__  # Litestar reads the annotations in the module of the handler
    exec(block_with("openapi.md", phrase), names)  # noqa: S102 - our own document
    return json.loads(
        json.dumps(
            Litestar([names["log_in"], names["refresh"]], plugins=[auth]).openapi_schema.to_schema()
        )
    )


def quart_document(clock, phrase):
    """Run a block for Quart and return the document."""
    app, auth = Quart("shop"), tokenward_quart.TokenAuth(**settings(clock))
    schema = QuartSchema(app)
    auth.init_app(app)
    names = {"app": app, "auth": auth, "Login": Login}
    exec(block_with("openapi.md", phrase), names)  # noqa: S102 - our own document
    return schema.openapi_provider.schema()


@pytest.mark.parametrize(
    ("document_of", "phrase"),
    [
        (fastapi_document, "openapi_extra=auth.refresh_operation()"),
        (litestar_document, "operation_class=auth.refresh_operation()"),
        (quart_document, "@auth.responses\n"),
    ],
    ids=["fastapi", "litestar", "quart"],
)
def test_the_login_and_the_refresh(clock, document_of, phrase):
    """The login lists its refusals and takes a body; the refresh takes a cookie and a header."""
    paths = document_of(clock, phrase)["paths"]
    operation, refresh = (paths[path]["post"] for path in ("/session", "/session/refresh"))

    assert {"400", "401", "403", "503"} <= operation["responses"].keys()
    assert "requestBody" in operation
    assert "security" not in operation
    assert {"400", "401", "403", "503"} <= refresh["responses"].keys()
    assert refresh["security"] == [{"BearerRefreshCookie": []}]
    assert [each["name"] for each in refresh["parameters"]] == ["X-CSRF-Token"]


async def test_the_password_flow():
    """The route issues the requested scopes that the user has, and OpenAPI names the route."""
    app = FastAPI()

    async def check_password(name, password):
        return SimpleNamespace(id=name, scopes={"orders:read"})

    given = {"app": app, "engine": TokenEngine(KeyRing.generate()), "__name__": __name__}
    given["check_password"] = check_password
    await run(block_with("openapi.md", "OAuth2PasswordRequestForm"), given)

    @app.get("/orders", dependencies=[Depends(given["auth"].required())])
    async def orders(): ...

    form = {"username": "alice", "password": "x", "scope": "orders:read orders:write"}
    async with client_of(app) as client:
        answer = await client.post("/token", data=form)
        document = (await client.get("/openapi.json")).json()
    assert answer.json()["scope"] == "orders:read"
    assert answer.headers["cache-control"] == "no-store"
    flow = document["components"]["securitySchemes"]["Bearer"]["flows"]["password"]
    assert flow == {"tokenUrl": "/token", "scopes": given["scopes"]}
