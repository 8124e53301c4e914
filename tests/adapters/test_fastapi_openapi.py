"""FastAPI's OpenAPI document: the security scheme, the scopes, and the refusals of each route."""

import json
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Header, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from tests.adapters import fastapi_service
from tests.adapters.fastapi_service import GOOD, Service, build, protect
from tests.adapters.security_schemes import CARRIERS
from tests.support import FrozenClock, ShopClaims
from tokenward.testing.adapters.service import COOKIES, bearer, client_of, contract_engine
from tokenward_fastapi import TokenAuth

service, bare = fastapi_service.service, fastapi_service.bare  # fixtures


STATUSES = {"400", "401", "403", "503"}


def test_openapi_scheme_of_a_cookie(clock: FrozenClock) -> None:
    """If the first carrier is a cookie, the document has a cookie scheme."""
    service = Service(clock, carriers=[COOKIES])
    protect(service)

    assert service.openapi()["components"]["securitySchemes"] == {
        "Bearer": {"type": "apiKey", "in": "cookie", "name": "__Host-access_token"}
    }


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
def test_openapi_scheme_of_any_type(clock: FrozenClock, carrier: Any) -> None:
    """The scheme of a carrier, such as the password flow, is in the document as it is."""
    service = Service(clock, carriers=[carrier])
    protect(service)

    assert service.openapi()["components"]["securitySchemes"] == {"Bearer": carrier.security_scheme}


def test_openapi_refusal_body_beside_a_model_with_its_name(service: Service) -> None:
    """A model of the app with the same name keeps its schema."""

    class RefusalBody(BaseModel):
        reason: str

    dependencies = [Depends(service.auth.required())]
    service.app.get("/", dependencies=dependencies, response_model=RefusalBody)(lambda: None)
    document = service.openapi()
    responses = document["paths"]["/"]["get"]["responses"]
    schemas = {
        status: each["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for status, each in responses.items()
    }

    assert schemas == {"200": "RefusalBody", **dict.fromkeys(STATUSES, "TokenwardRefusalBody")}
    assert set(document["components"]["schemas"]["RefusalBody"]["properties"]) == {"reason"}


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

    assert item["get"]["responses"].keys() >= STATUSES
    assert item["put"]["responses"].keys() >= STATUSES


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


def test_openapi_of_an_optional_route_with_another_scheme(service: Service) -> None:
    """Beside another scheme, an optional token does not document the route as public."""
    guard = service.auth.optional()
    service.app.get("/", dependencies=[Depends(HTTPBearer()), Depends(guard)])(lambda: None)

    operation = service.openapi()["paths"]["/"]["get"]

    assert operation["security"] == [{"HTTPBearer": []}, {"Bearer": []}]


def test_openapi_of_two_token_auths_on_one_route(clock: FrozenClock) -> None:
    """A route with dependencies of two `TokenAuth` requires both tokens."""
    service = Service(clock, scheme_name="Shop")
    staff = TokenAuth(contract_engine(clock), scheme_name="Staff")
    guards = [Depends(service.auth.required()), Depends(staff.optional(scopes=["a"]))]
    service.app.get("/", dependencies=guards)(lambda: None)

    operation = service.openapi()["paths"]["/"]["get"]

    assert operation["security"] == [{"Shop": []}, {"Shop": [], "Staff": ["a"]}]


def test_openapi_header_of_the_users_own(clock: FrozenClock) -> None:
    """A header that the route itself declares is not repeated for the CSRF token."""
    service = Service(clock, carriers=[COOKIES])

    @service.app.post("/", dependencies=[Depends(service.auth.required())])
    async def root(x_csrf_token: Annotated[str, Header(description="Mine.")] = "") -> None: ...

    (parameter,) = service.openapi()["paths"]["/"]["post"]["parameters"]
    assert (parameter["name"], parameter["description"]) == ("x-csrf-token", "Mine.")


def test_openapi_refresh_operation(bare: Service, clock: FrozenClock) -> None:
    """A refresh names its own carriers; without `init_app` the description is in the document too."""
    extra = bare.auth.refresh_operation(carriers=[COOKIES])
    bare.app.post("/", openapi_extra=extra)(lambda: None)
    operation = bare.openapi()["paths"]["/"]["post"]

    assert operation["security"] == [{"BearerRefreshCookie": []}]
    assert [each["name"] for each in operation["parameters"]] == ["X-CSRF-Token"]


def test_openapi_own_scheme(service: Service) -> None:
    """The user's definition of a scheme with our name is kept."""
    own = {"type": "http", "scheme": "bearer", "description": "Mine."}
    document = {"components": {"securitySchemes": {"Bearer": own}}, "paths": {"/": {}}}
    document["paths"]["/"]["get"] = {"security": [{"Bearer": []}]}
    service.app.openapi = lambda: document  # type: ignore[method-assign]
    service.auth.init_app(service.app)

    assert service.openapi()["components"]["securitySchemes"] == {"Bearer": own}


class Order(BaseModel):
    """A body."""

    number: int


async def test_openapi_both_bodies_of_a_400(service: Service) -> None:
    """A 400 has the body of a refusal, or that of FastAPI itself if it cannot parse the body."""

    @service.app.post("/login", responses=service.auth.responses)
    async def login(order: Order) -> None: ...

    @service.app.post("/orders", dependencies=[Depends(service.auth.required())])
    async def place(order: Order) -> None: ...

    document = service.openapi()
    documented = []
    for path in ("/login", "/orders"):
        response = document["paths"][path]["post"]["responses"]["400"]
        schema = response["content"]["application/json"]["schema"]["anyOf"]
        documented.append([each["$ref"].rpartition("/")[2] for each in schema])
    async with client_of(service.app) as client:
        headers = bearer(GOOD)
        json_headers = [*headers, ("content-type", "application/json")]
        unreadable = await client.post("/orders", headers=json_headers, content=b'"\xff"')
        twice = await client.post("/orders", headers=headers * 2, json={"number": 1})

    assert documented == [["RefusalBody", "FastAPIErrorBody"]] * 2
    assert (unreadable.status_code, twice.status_code) == (400, 400)
    schemas = document["components"]["schemas"]
    assert set(schemas["FastAPIErrorBody"]["properties"]) == unreadable.json().keys()
    assert set(schemas["RefusalBody"]["properties"]) == twice.json().keys()
