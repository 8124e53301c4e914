"""Guarded routes in Litestar's OpenAPI document."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from litestar import Litestar, Router, get, post
from litestar.app import DEFAULT_OPENAPI_CONFIG
from litestar.exceptions import NotAuthorizedException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, Operation, SecurityScheme
from litestar.params import Body

from tests.adapters.litestar_service import Service, ask, build, maybe_at, sub_at
from tests.adapters.security_schemes import CARRIERS
from tests.support import FrozenClock
from tokenward import BearerHeader
from tokenward.http import QueryCarrier
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.service import (
    COOKIES,
    bearer,
    client_of,
    contract_engine,
    shop_token,
)
from tokenward_litestar import TokenAuth

BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
COOKIE = {"type": "apiKey", "in": "cookie", "name": "__Host-access_token"}
API_KEY = SecurityScheme(type="apiKey", name="X-Key", security_scheme_in="header")
STATUSES = {"401", "403", "503"}


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
        contract_engine(clock), carriers=[COOKIES], scheme_name="Cookie", dependency_key="session"
    )
    app = Service(clock).app(plugins=[TokenAuth(contract_engine(clock)), browser])

    assert schemes_of(app) == {"Bearer": BEARER, "Cookie": COOKIE}


@pytest.mark.parametrize(
    ("carriers", "schemes"),
    [
        ([COOKIES, BearerHeader()], {"ShopToken": COOKIE, "ShopTokenBearer": BEARER}),
        ([BearerHeader(), COOKIES], {"ShopToken": BEARER, "ShopTokenCookie": COOKIE}),
        (
            [BearerHeader(name="X-Token")],
            {"ShopToken": {"type": "apiKey", "in": "header", "name": "X-Token"}},
        ),
        (
            [QueryCarrier()],
            {"ShopToken": {"type": "apiKey", "in": "query", "name": "access_token"}},
        ),
    ],
    ids=["cookie", "header", "own header", "query"],
)
async def test_scheme_of_each_carrier(
    clock: FrozenClock, carriers: list[Any], schemes: dict[str, dict[str, str]]
) -> None:
    """The scheme of the first carrier has the name of the `TokenAuth`; each carrier is enough."""
    service = Service(clock, carriers=carriers, scheme_name="ShopToken")
    app = service.app(sub_at("/", service.auth.required()))
    document = (await ask(app, "/schema/openapi.json", None)).json()

    assert document["components"]["securitySchemes"] == schemes
    assert document["paths"]["/"]["get"]["security"] == [{name: []} for name in schemes]


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
def test_scheme_of_any_type(clock: FrozenClock, carrier: Any) -> None:
    """The scheme of a carrier, such as the password flow, is in the document as it is."""
    service = Service(clock, carriers=[carrier])
    app = service.app(sub_at("/", service.auth.required()))

    assert schemes_of(app) == {"Bearer": carrier.security_scheme}


def test_scopes(service: Service) -> None:
    """The scopes of all guards of a route are named once, those of optional guards as well."""
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
    assert operations["get /optional"]["security"] == [{"Bearer": ["a", "b", "d"]}]


def test_claims_are_no_parameter(service: Service) -> None:
    """The claims argument is not documented as a parameter."""
    operation = operations_of(service.app(sub_at("/", service.auth.required())))["get /"]

    assert not operation.get("parameters")


def test_own_responses(service: Service) -> None:
    """A route's own description of 401 is kept, and the 403 is added."""
    own = {401: ResponseSpec(Mine, description="Mine.", generate_examples=False)}
    app = service.app(get("/", guards=[service.auth.required()], responses=own)(plain.fn))
    responses = operations_of(app)["get /"]["responses"]

    assert responses["401"]["description"] == "Mine."
    assert "403" in responses
    assert set(own) == {401}


@dataclass
class Mine:
    """A body of the app's own refusals."""

    mine: str


def responses_with_own(service: Service, *statuses: int) -> dict[str, Any]:
    """Return the responses of a guarded route that describes some statuses itself."""
    own = {
        status: ResponseSpec(Mine, description="Mine.", generate_examples=False)
        for status in statuses
    }
    app = service.app(get("/", guards=[service.auth.required()], responses=own)(plain.fn))
    responses: dict[str, Any] = operations_of(app)["get /"]["responses"]
    return responses


def test_an_own_400_is_kept(service: Service) -> None:
    """The refusal's 400 does not replace it."""
    responses = responses_with_own(service, 400)
    assert responses["400"]["description"] == "Mine."
    assert responses.keys() >= STATUSES


def test_the_400_never_has_the_body_of_an_own_refusal(service: Service) -> None:
    """It is the adapter's body, wherever another status still has it; else there is no 400."""
    schema = responses_with_own(service, 401)["400"]["content"]["application/json"]["schema"]
    assert schema["$ref"].endswith("RefusalBody")
    assert "400" not in responses_with_own(service, 401, 403, 503)


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

    assert (await ask(app, token=None)).json() == answers.MISSING.body
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


def test_own_security_of_an_optional_route(service: Service) -> None:
    """The user's alternatives of an optional route are kept, with and without the token."""
    own = [{"Key": []}]
    app = service.app(get("/", guards=[service.auth.optional()], security=own)(plain.fn))

    assert operations_of(app)["get /"]["security"] == [{"Key": []}, {"Key": [], "Bearer": []}]


@dataclass
class Order:
    """A body."""

    number: int


async def test_both_bodies_of_a_400(service: Service) -> None:
    """A 400 has the body of a refusal, or that of Litestar itself if the request is invalid."""

    @post("/", guards=[service.auth.required()])
    async def place(data: Annotated[Order, Body()]) -> None: ...

    app = service.app(place)
    responses = operations_of(app)["post /"]["responses"]
    content = responses["400"]["content"]["application/json"]["schema"]["oneOf"]
    schemas = document_of(app)["components"]["schemas"]
    async with client_of(app) as client:
        headers = bearer(shop_token())
        twice = (await client.post("/", headers=headers * 2)).json()
        invalid = (await client.post("/", headers=headers, json={"number": "x"})).json()

    refusal, litestar = content
    assert refusal == {"$ref": "#/components/schemas/RefusalBody"}
    assert schemas["RefusalBody"]["properties"].keys() == twice.keys()
    assert litestar["properties"].keys() == invalid.keys()


def test_own_operation_class(clock: FrozenClock) -> None:
    """A handler's own class of operations is kept, and the header of the CSRF token is added once."""

    @dataclass
    class Mine(Operation):
        def __post_init__(self) -> None:
            self.deprecated = True

    service = Service(clock, carriers=[COOKIES])
    guards = [service.auth.required()]
    paths = ["/a", "/b"]
    app = service.app(post(paths, guards=guards, operation_class=Mine)(plain.fn))

    for operation in operations_of(app).values():
        assert operation["deprecated"] is True
        assert [each["name"] for each in operation["parameters"]] == ["X-CSRF-Token"]


def test_refresh_operation_of_another_token_auth(clock: FrozenClock) -> None:
    """A refresh names the carriers that it reads, and only the `TokenAuth` that reads them."""
    shop = TokenAuth(contract_engine(clock), scheme_name="Shop", carriers=[COOKIES])
    staff = TokenAuth(contract_engine(clock), scheme_name="Staff", dependency_key="staff")
    operation_class = shop.refresh_operation(carriers=[BearerHeader()])
    app = Service(clock).app(
        post("/", operation_class=operation_class)(plain.fn), plugins=[staff, shop]
    )

    operation = operations_of(app)["post /"]
    assert operation["security"] == [{"ShopBearer": []}]
    assert "parameters" not in operation
    assert operation["responses"].keys() >= STATUSES


def test_a_route_after_the_document(clock: FrozenClock) -> None:
    """A route that is registered after the document was built adds its scheme."""
    service = Service(clock)
    app = service.app(sub_at("/", service.auth.required()))
    assert set(schemes_of(app)) == {"Bearer"}

    app.register(get("/later", guards=[service.auth.required(carriers=[COOKIES])])(plain.fn))
    assert set(schemes_of(app)) == {"Bearer", "BearerCookie"}
