"""The program of the reference's documentation, with only its import lines changed."""

import importlib
import warnings
from collections.abc import Iterator
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from tokenward.keys import WeakSecretWarning
from tokenward.testing.adapters.service import client_of
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.auth_jwt import AuthJWTBearer
from tokenward_fastapi.authjwt.exceptions import AuthJWTException

pytestmark = pytest.mark.filterwarnings("ignore::tokenward.keys.WeakSecretWarning")


class User(BaseModel):
    """As in the documentation."""

    username: str
    password: str


class Settings(BaseModel):
    """As in the documentation, with a secret that is too short."""

    authjwt_secret_key: str = "secret"


@pytest.fixture
def app() -> Iterator[FastAPI]:
    """Return the program of the page; reset the configuration of the class afterwards."""
    app = FastAPI()
    auth_dep = AuthJWTBearer()

    @AuthJWT.load_config
    def get_config():
        return Settings()

    @app.exception_handler(AuthJWTException)
    def authjwt_exception_handler(request: Request, exc: AuthJWTException):
        return JSONResponse(status_code=exc.status_code, content={"detail": exc.message})

    @app.post("/login")
    async def login(user: User, authorize: Annotated[AuthJWT, Depends(auth_dep)]):
        if user.username != "test" or user.password != "test":
            raise HTTPException(status_code=401, detail="Bad username or password")
        another_claims = {"foo": ["fiz", "baz"]}
        access_token = await authorize.create_access_token(
            subject=user.username, user_claims=another_claims
        )
        return {"access_token": access_token}

    @app.get("/claims")
    async def user(authorize: AuthJWT = Depends(auth_dep)):  # noqa: B008, FAST002 - as the page has it
        await authorize.jwt_required()
        foo_claims = (await authorize.get_raw_jwt())["foo"]
        return {"foo": foo_claims}

    yield app
    AuthJWT.load_config(list)


async def login(client: httpx.AsyncClient, password: str = "test") -> httpx.Response:  # noqa: S107
    """Send a login request."""
    return await client.post("/login", json={"username": "test", "password": password})


async def test_the_program_runs(app: FastAPI) -> None:
    """A login returns a token, and the token contains the additional claims."""
    async with client_of(app) as client:
        token = (await login(client)).json()["access_token"]
        response = await client.get("/claims", headers={"Authorization": f"Bearer {token}"})

    assert (response.status_code, response.json()) == (200, {"foo": ["fiz", "baz"]})


async def test_the_program_refuses(app: FastAPI) -> None:
    """A wrong password, no token and an invalid token are refused with the reference's messages."""
    async with client_of(app) as client:
        wrong = await login(client, "wrong")
        missing = await client.get("/claims")
        bad = await client.get("/claims", headers={"Authorization": "Bearer a.b"})

    assert [(each.status_code, each.json()["detail"]) for each in (wrong, missing, bad)] == [
        (401, "Bad username or password"),
        (401, "Missing Authorization Header"),
        (422, "Not enough segments"),
    ]


async def test_the_short_secret_warns_once(app: FastAPI) -> None:
    """A configuration with a short secret warns once, not for each request."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with client_of(app) as client:
            for _ in range(3):
                token = (await login(client)).json()["access_token"]
                await client.get("/claims", headers={"Authorization": f"Bearer {token}"})

    assert [each.category for each in caught] == [WeakSecretWarning]
    assert "secret key" not in str(caught[0].message)


def test_openapi_has_the_button(app: FastAPI) -> None:
    """The dependency adds its security scheme to the document, with its arguments."""
    dependency = AuthJWTBearer(
        bearerFormat="JWT", scheme_name="Own", description="A token.", auto_error=False
    )

    @app.get("/more")
    async def more(authorize: Annotated[AuthJWT, Depends(dependency)]) -> None: ...

    assert app.openapi()["components"]["securitySchemes"] == {
        "AuthJWTBearer": {"type": "http", "scheme": "bearer"},
        "Own": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token.",
        },
    }
    assert dependency.auto_error is False


NAMES = {
    "": ["AuthJWT"],
    ".auth_jwt": ["AuthJWT", "AuthJWTBearer"],
    ".auth_config": ["AuthConfig"],
    ".config": ["LoadConfig"],
    ".exceptions": [
        "AccessTokenRequired",
        "AuthJWTException",
        "CSRFError",
        "FreshTokenRequired",
        "InvalidHeaderError",
        "JWTDecodeError",
        "MissingTokenError",
        "RefreshTokenRequired",
        "RevokedTokenError",
    ],
}


@pytest.mark.parametrize("module", NAMES)
def test_modules_have_the_names_of_the_reference(module: str) -> None:
    """Replacing the package's name is enough: every module and name of the reference exists."""
    found = importlib.import_module(f"tokenward_fastapi.authjwt{module}")

    assert [name for name in NAMES[module] if not hasattr(found, name)] == []
    assert all(hasattr(found, name) for name in found.__all__)


@pytest.mark.parametrize("name", NAMES[".exceptions"])
def test_exceptions_are_made_as_in_the_reference(name: str) -> None:
    """Each is an AuthJWTException that is created with a status and a message, and has both."""
    module = importlib.import_module("tokenward_fastapi.authjwt.exceptions")
    error = getattr(module, name)(status_code=418, message="short and stout")

    assert isinstance(error, AuthJWTException)
    assert (error.status_code, error.message, error.detail) == (
        418,
        "short and stout",
        "short and stout",
    )


def test_the_base_exception_has_a_status() -> None:
    """An AuthJWTException without arguments has status 400 and an empty message."""
    error = AuthJWTException()

    assert (error.status_code, error.message) == (400, "")
