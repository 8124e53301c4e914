"""Guarded routes in Litestar's OpenAPI document."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from litestar import Litestar, Router, get
from litestar.app import DEFAULT_OPENAPI_CONFIG
from litestar.exceptions import NotAuthorizedException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme

from tests.adapters import contract as c
from tests.adapters.contract import contract_engine
from tests.adapters.litestar_service import Service, ask, build, maybe_at, sub_at
from tests.support import FrozenClock
from tokenward import BearerHeader
from tokenward.http import QueryCarrier
from tokenward_litestar import TokenAuth

BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
COOKIE = {"type": "apiKey", "in": "cookie", "name": "__Host-access_token"}
API_KEY = SecurityScheme(type="apiKey", name="X-Key", security_scheme_in="header")
PROTECTED = {
    "get /me", "get /orders", "get /reports", "get /fresh", "get /recent", "post /refresh-only",
    "get /checked", "get /checked-async", "get /twice", "get /crossed", "get /admin",
    "get /admin/users", "get /download", "get /either", "get /proxied", "get /any", "get /any-and-all", "post /proxied", "post /proxied-cookie", "get /browser/me", "post /browser/me",
    "put /browser/me", "post /browser/logout", "post /browser/form", "get /browser/leave",
}  # fmt: skip


@pytest.fixture
def service(clock: FrozenClock) -> Service:
    """Return an engine and its adapter."""
    return Service(clock)


@get("/")
async def plain() -> None:
    """Respond to every request."""


def document_of(app: Litestar) -> dict[str, Any]:
    """Return the document of an app as it would be sent."""
    document: dict[str, Any] = json.loads(json.dumps(app.openapi_schema.to_schema()))
    return document


def operations_of(app: Litestar) -> dict[str, dict[str, Any]]:
    """Return the operations of an app by method and path."""
    return {
        f"{method} {path}": operation
        for path, item in document_of(app)["paths"].items()
        for method, operation in item.items()
    }


def schemes_of(app: Litestar) -> dict[str, Any]:
    """Return the security schemes of an app."""
    schemes: dict[str, Any] = document_of(app)["components"]["securitySchemes"]
    return schemes


def test_schemes(clock: FrozenClock) -> None:
    """The document has the scheme of each `TokenAuth`: by default HTTP bearer with the format JWT."""
    browser = TokenAuth(
        contract_engine(clock), carriers=[c.COOKIES], scheme_name="Cookie", dependency_key="session"
    )
    app = Service(clock).app(plugins=[TokenAuth(contract_engine(clock)), browser])

    assert schemes_of(app) == {"Bearer": BEARER, "Cookie": COOKIE}


@pytest.mark.parametrize(
    ("carriers", "scheme"),
    [
        ([c.COOKIES, BearerHeader()], COOKIE),
        ([BearerHeader(), c.COOKIES], BEARER),
        ([BearerHeader(name="X-Token")], {"type": "apiKey", "in": "header", "name": "X-Token"}),
        ([QueryCarrier()], {"type": "apiKey", "in": "query", "name": "access_token"}),
    ],
    ids=["cookie", "header", "own header", "query"],
)
async def test_scheme_of_the_first_carrier(
    clock: FrozenClock, carriers: list[Any], scheme: dict[str, str]
) -> None:
    """The first carrier determines the scheme in the document."""
    service = Service(clock, carriers=carriers, scheme_name="ShopToken")
    app = service.app(sub_at("/", service.auth.required()))
    document = (await ask(app, "/schema/openapi.json", None)).json()

    assert document["components"]["securitySchemes"] == {"ShopToken": scheme}
    assert document["paths"]["/"]["get"]["security"] == [{"ShopToken": []}]


def test_security(clock: FrozenClock) -> None:
    """Protected routes name their scheme in each alternative; public and optional routes do not."""
    operations = operations_of(build(contract_engine(clock)))
    named = {
        name: [set(alternative) for alternative in operation["security"]]
        for name, operation in operations.items()
        if "security" in operation
    }

    alternatives = {"get /any": 2, "get /any-and-all": 2}
    assert named == {
        name: [{"Cookie" if "/browser" in name else "Bearer"}] * alternatives.get(name, 1)
        for name in PROTECTED
    }


def test_refusals(clock: FrozenClock) -> None:
    """401 and 403 are documented only on protected routes."""
    operations = operations_of(build(contract_engine(clock)))
    refusals = {
        name: {"401", "403"} & operation["responses"].keys()
        for name, operation in operations.items()
    }

    assert refusals == {name: {"401", "403"} if name in PROTECTED else set() for name in operations}


def test_refusal_body(service: Service) -> None:
    """The documented body of a refusal has the members of a real one."""
    document = document_of(service.app(sub_at("/", service.auth.required())))
    responses = document["paths"]["/"]["get"]["responses"]
    schema = document["components"]["schemas"]["RefusalBody"]

    for status in ("401", "403"):
        assert responses[status]["description"]
        body = responses[status]["content"]["application/json"]["schema"]
        assert body == {"$ref": "#/components/schemas/RefusalBody"}
    assert set(schema["required"]) == schema["properties"].keys() == c.MISSING.body.keys()


def test_scopes(service: Service) -> None:
    """The scopes of all guards of a route are named once, without those of other routes."""
    auth = service.auth
    router = Router(
        "/",
        guards=[auth.required(scopes=["a", "b"])],
        route_handlers=[
            sub_at("/both", auth.required(scopes=["b", "c"])),
            maybe_at("/optional", auth.optional(scopes=["d"])),
        ],
    )
    operations = operations_of(service.app(router))

    assert operations["get /both"]["security"] == [{"Bearer": ["a", "b", "c"]}]
    assert operations["get /optional"]["security"] == [{"Bearer": ["a", "b"]}]


def test_claims_are_no_parameter(service: Service) -> None:
    """The claims argument is not documented as a parameter."""
    operation = operations_of(service.app(sub_at("/", service.auth.required())))["get /"]

    assert not operation.get("parameters")
    assert "400" not in operation["responses"]


def test_own_responses(service: Service) -> None:
    """A route's own description of 401 is kept, and the 403 is added."""

    @dataclass
    class Mine:
        mine: str

    own = {401: ResponseSpec(Mine, description="Mine.", generate_examples=False)}
    app = service.app(get("/", guards=[service.auth.required()], responses=own)(plain.fn))
    responses = operations_of(app)["get /"]["responses"]

    assert responses["401"]["description"] == "Mine."
    assert "403" in responses
    assert set(own) == {401}


def test_refusals_beside_exceptions(service: Service) -> None:
    """A route that documents its own exceptions documents 401 and 403 as well."""
    guards = [service.auth.required()]
    handler = get("/", guards=guards, raises=[NotAuthorizedException])(plain.fn)
    responses = operations_of(service.app(handler))["get /"]["responses"]

    assert {"401", "403"} <= responses.keys()


def test_own_security(service: Service) -> None:
    """A route with its own security alternatives needs the token in each of them."""
    guards = [service.auth.required(scopes=["a"])]
    own = [{"ApiKey": []}, {}]
    app = service.app(
        get("/", guards=guards, security=own)(plain.fn), get("/other", security=own)(plain.fn)
    )
    operations = operations_of(app)

    assert operations["get /"]["security"] == [{"ApiKey": [], "Bearer": ["a"]}, {"Bearer": ["a"]}]
    assert operations["get /other"]["security"] == own
    assert set(operations["get /other"]["responses"]) == {"200"}


def test_two_schemes_on_one_route(clock: FrozenClock) -> None:
    """A route with guards of two `TokenAuth` requires both schemes."""
    shop = TokenAuth(contract_engine(clock), scheme_name="Shop")
    staff = TokenAuth(contract_engine(clock), scheme_name="Staff", dependency_key="staff")
    handler = get("/", guards=[shop.required(), staff.required(scopes=["x"])])(plain.fn)
    app = Service(clock).app(handler, plugins=[shop, staff])

    assert operations_of(app)["get /"]["security"] == [{"Shop": [], "Staff": ["x"]}]


def test_a_handler_at_two_paths(service: Service) -> None:
    """A handler with two paths names the scheme once for each path."""
    app = service.app(get(["/a", "/b"], guards=[service.auth.required()])(plain.fn))

    assert [each["security"] for each in operations_of(app).values()] == [[{"Bearer": []}]] * 2


@pytest.mark.parametrize("as_list", [False, True])
def test_own_components(service: Service, as_list: bool) -> None:
    """The user's own components are kept, and their definition of the scheme wins."""
    own = SecurityScheme(type="http", scheme="bearer", description="From the shop.")
    components = Components(security_schemes={"ApiKey": API_KEY, "Bearer": own})
    config = OpenAPIConfig(
        title="Shop", version="7", components=[components] if as_list else components
    )
    app = service.app(sub_at("/", service.auth.required()), openapi_config=config)

    assert schemes_of(app) == {
        "ApiKey": {"type": "apiKey", "name": "X-Key", "in": "header"},
        "Bearer": {"type": "http", "scheme": "bearer", "description": "From the shop."},
    }
    assert document_of(app)["info"] == {"title": "Shop", "version": "7"}
    assert config.components == ([components] if as_list else components)
    assert components.security_schemes == {"ApiKey": API_KEY, "Bearer": own}


def test_apps_do_not_share_a_scheme(service: Service) -> None:
    """An app without the plugin has no scheme, although both use Litestar's default configuration."""
    service.app(sub_at("/", service.auth.required()))

    assert "securitySchemes" not in document_of(Litestar([plain]))["components"]
    assert DEFAULT_OPENAPI_CONFIG.components == Components()


async def test_without_openapi(service: Service) -> None:
    """An app without an OpenAPI document is guarded as well."""
    app = service.app(sub_at("/", service.auth.required()), openapi_config=None)

    assert (await ask(app, token=None)).json() == c.MISSING.body
    assert (await ask(app)).status_code == 200
    assert (await ask(app, "/schema/openapi.json")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/schema", "/schema/openapi.json", "/schema/openapi.yaml", "/schema/swagger"]
)
async def test_documentation_is_served(clock: FrozenClock, path: str) -> None:
    """The documentation pages need no token."""
    assert (await ask(build(contract_engine(clock)), path, None)).status_code == 200


def test_alternative_scopes(service: Service) -> None:
    """Each scope of ``any_scope`` is an alternative, also for a handler with two paths."""
    guard = service.auth.required(scopes=["shop"], any_scope=["a", "b"])
    app = service.app(get(["/x", "/y"], guards=[guard])(plain.fn))

    for operation in operations_of(app).values():
        assert operation["security"] == [{"Bearer": ["shop", "a"]}, {"Bearer": ["shop", "b"]}]


def test_alternative_scopes_with_own_security(service: Service) -> None:
    """Each alternative of the user is combined with each of ours."""
    own = [{"Key": []}, {"Other": ["x"]}]
    guard = service.auth.required(any_scope=["a", "b"])
    app = service.app(get("/", guards=[guard], security=own)(plain.fn))

    assert operations_of(app)["get /"]["security"] == [
        {"Key": [], "Bearer": ["a"]},
        {"Key": [], "Bearer": ["b"]},
        {"Other": ["x"], "Bearer": ["a"]},
        {"Other": ["x"], "Bearer": ["b"]},
    ]
