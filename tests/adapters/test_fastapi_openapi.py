"""FastAPI's OpenAPI document: the security scheme, the scopes, and the refusals of each route."""

import json
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Security
from fastapi.security import HTTPBearer

from tests.adapters import contract as c
from tests.adapters import fastapi_service
from tests.adapters.contract import client_of, contract_engine
from tests.adapters.fastapi_service import Service, build, protect
from tests.support import FrozenClock, ShopClaims
from tokenward_fastapi import TokenAuth

service, bare = fastapi_service.service, fastapi_service.bare  # fixtures


def operations_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations of a document by path and method."""
    return {
        f"{method} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


PROTECTED = {
    "get /me", "get /orders", "get /reports", "get /fresh", "get /recent", "post /refresh-only",
    "get /checked", "get /checked-async", "get /twice", "get /crossed", "get /admin",
    "get /admin/users", "get /download", "get /either", "get /proxied", "get /any", "get /any-and-all", "post /proxied", "post /proxied-cookie",
}  # fmt: skip
BROWSER = {
    "get /browser/me", "post /browser/me", "put /browser/me", "post /browser/logout",
    "post /browser/form",
}  # fmt: skip


def test_openapi_scheme(clock: FrozenClock) -> None:
    """Each adapter of the app has one security scheme: HTTP bearer with the format JWT."""
    document = build(contract_engine(clock)).openapi()

    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert document["components"]["securitySchemes"] == {"Bearer": bearer, "Cookie": bearer}


def test_openapi_scheme_of_a_cookie(clock: FrozenClock) -> None:
    """If the first carrier is a cookie, the document has a cookie scheme."""
    service = Service(clock, carriers=[c.COOKIES])
    protect(service)

    assert service.openapi()["components"]["securitySchemes"] == {
        "Bearer": {"type": "apiKey", "in": "cookie", "name": "__Host-access_token"}
    }


def test_openapi_security(clock: FrozenClock) -> None:
    """Protected routes name the scheme once; public and optional routes do not."""
    operations = operations_of(build(contract_engine(clock)).openapi())
    named = {
        name: {scheme for requirement in operation["security"] for scheme in requirement}
        for name, operation in operations.items()
        if "security" in operation
    }

    assert named == {
        **{name: {"Bearer"} for name in PROTECTED},
        **{name: {"Cookie"} for name in BROWSER},
    }


def test_openapi_refusals(clock: FrozenClock) -> None:
    """401 and 403 are documented only on protected routes."""
    operations = operations_of(build(contract_engine(clock)).openapi())
    refusals = {
        name: {"401", "403"} & operation["responses"].keys()
        for name, operation in operations.items()
    }

    closed = PROTECTED | BROWSER
    assert refusals == {name: {"401", "403"} if name in closed else set() for name in operations}


def test_openapi_refusal_body(clock: FrozenClock) -> None:
    """The documented body of a refusal has the members of a real one."""
    responses = operations_of(build(contract_engine(clock)).openapi())["get /me"]["responses"]
    schemas = [
        responses[status]["content"]["application/json"]["schema"] for status in ("401", "403")
    ]

    assert all(schema["properties"].keys() == c.MISSING.body.keys() for schema in schemas)
    assert all(set(schema["required"]) == {"detail", "code"} for schema in schemas)
    assert all(responses[status]["description"] for status in ("401", "403"))


def test_openapi_keeps_own_responses(service: Service) -> None:
    """A route's own description of 401 is kept, and the 403 is added."""
    dependencies = [Depends(service.auth.required())]

    @service.app.get("/", dependencies=dependencies, responses={401: {"description": "Mine."}})
    async def root() -> None: ...

    responses = service.openapi()["paths"]["/"]["get"]["responses"]

    assert responses["401"] == {"description": "Mine."}
    assert "403" in responses


def test_openapi_leaves_other_schemes_alone(service: Service) -> None:
    """A route that another security scheme protects gets no documented refusals."""

    @service.app.get("/", dependencies=[Depends(HTTPBearer())])
    async def root() -> None: ...

    operation = service.openapi()["paths"]["/"]["get"]

    assert operation["security"] == [{"HTTPBearer": []}]
    assert set(operation["responses"]) == {"200"}


def test_openapi_security_scopes(service: Service) -> None:
    """The document has the scopes of ``Security``, as for FastAPI's own schemes."""
    for path, scheme in {"/ours": service.auth.required(), "/theirs": HTTPBearer()}.items():

        @service.app.get(path, dependencies=[Security(scheme, scopes=["orders:read"])])
        async def root() -> None: ...

    paths = service.openapi()["paths"]
    ours, theirs = (paths[path]["get"]["security"] for path in ("/ours", "/theirs"))

    assert [{"HTTPBearer": scopes} for scopes in ours[0].values()] == theirs


def test_openapi_without_init_app(bare: Service) -> None:
    """Without `init_app` the scheme is documented, but no refusals."""
    protect(bare)
    document = bare.openapi()
    operation = document["paths"]["/"]["get"]

    assert operation["security"] == [{"Bearer": []}]
    assert set(operation["responses"]) == {"200"}


def test_openapi_is_stable(clock: FrozenClock) -> None:
    """Generating twice, and a second `init_app`, change nothing in the document."""
    service = Service(clock)
    protect(service)
    once = json.dumps(service.openapi())
    service.auth.init_app(service.app)

    assert json.dumps(service.openapi()) == json.dumps(service.openapi()) == once


def test_openapi_of_an_app_without_routes(service: Service) -> None:
    """An app without routes has a document too."""
    assert service.openapi()["paths"] == {}


def test_openapi_with_items_of_the_users_own(clock: FrozenClock) -> None:
    """A path item may contain more than operations, if the user's own ``openapi`` adds it."""
    app = FastAPI()
    auth = TokenAuth(contract_engine(clock))
    document = {
        "openapi": "3.1.0",
        "info": {"title": "own", "version": "1"},
        "paths": {
            "/": {
                "summary": "All of it.",
                "parameters": [{"name": "x", "in": "query"}],
                "get": {"security": [{"Bearer": []}], "responses": {}},
                "put": {"security": [{"Bearer": []}]},
            }
        },
    }
    app.openapi = lambda: document  # type: ignore[method-assign]
    auth.init_app(app)
    item = app.openapi()["paths"]["/"]

    assert {"401", "403"} <= item["get"]["responses"].keys()
    assert {"401", "403"} <= item["put"]["responses"].keys()


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_documentation_is_served(clock: FrozenClock, path: str) -> None:
    """The documentation pages need no token."""
    async with client_of(build(contract_engine(clock))) as client:
        assert (await client.get(path)).status_code == 200


async def test_scheme_name_in_openapi(clock: FrozenClock) -> None:
    """The security scheme has the configured name."""
    service = Service(clock, scheme_name="ShopToken")
    protect(service)

    assert set(service.openapi()["components"]["securitySchemes"]) == {"ShopToken"}


def test_openapi_scopes_of_requirements(clock: FrozenClock) -> None:
    """Scopes of groups and routes are combined; each of ``any_scope`` is an alternative."""
    operations = operations_of(build(contract_engine(clock)).openapi())
    security = {name: operation.get("security") for name, operation in operations.items()}

    assert security["get /me"] == [{"Bearer": []}]
    assert security["get /reports"] == [{"Bearer": ["orders:read", "reports:write"]}]
    assert security["get /twice"] == [{"Bearer": ["orders:read"]}]
    assert security["get /any"] == [{"Bearer": ["orders:read"]}, {"Bearer": ["admin"]}]
    assert security["get /any-and-all"] == [
        {"Bearer": ["shop", "orders:read"]},
        {"Bearer": ["shop", "admin"]},
    ]


def test_openapi_scopes_beside_other_schemes(service: Service) -> None:
    """Scopes of ``Security`` are added, as FastAPI documents them; other schemes are kept."""
    guard = service.auth.required(any_scope=["a", "b"])

    @service.app.get("/", dependencies=[Security(HTTPBearer(), scopes=["c"])])
    async def root(claims: Annotated[ShopClaims, Security(guard, scopes=["c"])]) -> None: ...

    document = service.openapi()
    theirs, *ours = document["paths"]["/"]["get"]["security"]

    # Older releases of FastAPI list the scopes only for its OAuth2 and OpenID Connect schemes.
    further = theirs["HTTPBearer"]
    assert ours == [{"Bearer": [*further, "a"]}, {"Bearer": [*further, "b"]}]
    assert set(document["components"]["securitySchemes"]) == {"HTTPBearer", "Bearer"}
