"""The OpenAPI document of quart-schema: the scheme, and the requirements of each route."""

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from quart import Blueprint, Quart

from tests.adapters import quart_service
from tests.adapters.quart_service import Service
from tests.adapters.security_schemes import CARRIERS
from tests.support import OTHER_SECRET, FrozenClock
from tokenward import Key, KeyPublisher, KeyRing
from tokenward.http import QueryCarrier
from tokenward.testing.adapters.service import COOKIES, client_of, contract_engine
from tokenward_quart import TokenAuth

quart_schema = pytest.importorskip(
    "quart_schema", reason="quart-schema is not installed: pip install quart-schema"
)
service, bare = quart_service.service, quart_service.bare  # fixtures

STATUSES = ["400", "401", "403", "503"]
BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


async def document_of(app: Quart) -> dict[str, Any]:
    """Return the document that the app serves as its first response."""
    async with client_of(app) as client:
        document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


def security_of(document: dict[str, Any]) -> dict[str, object]:
    """Return the security of each GET path; None if it has none."""
    return {path: item["get"].get("security") for path, item in document["paths"].items()}


def add_routes(app: Quart, auth: TokenAuth[Any]) -> None:
    """Add a route of each kind."""
    for path, decorator in {
        "/required": auth.required(),
        "/scoped": auth.required(scopes=["orders:read"]),
        "/optional": auth.optional(scopes=["orders:read"]),
        "/open": lambda view: view,
    }.items():
        app.get(path, endpoint=path[1:])(decorator(lambda: ""))


@pytest.mark.parametrize("order", ["schema first", "auth first", "routes first"])
@pytest.mark.parametrize("is_started", [True, False], ids=["started", "not started"])
async def test_security(bare: Service, order: str, is_started: bool) -> None:
    """Guarded routes name the scheme, in any order of setup; public routes do not."""
    app, auth = bare.app, bare.auth
    steps = {
        "schema first": (
            quart_schema.QuartSchema,
            auth.init_app,
            lambda app: add_routes(app, auth),
        ),
        "auth first": (auth.init_app, quart_schema.QuartSchema, lambda app: add_routes(app, auth)),
        "routes first": (
            lambda app: add_routes(app, auth),
            auth.init_app,
            quart_schema.QuartSchema,
        ),
    }
    for step in steps[order]:
        step(app)
    if is_started:
        async with app.test_app():
            document = await document_of(app)
    else:
        document = await document_of(app)

    assert document["components"]["securitySchemes"] == {"Bearer": BEARER}
    assert security_of(document) == {
        "/required": [{"Bearer": []}],
        "/scoped": [{"Bearer": ["orders:read"]}],
        "/optional": [{}, {"Bearer": ["orders:read"]}],
        "/open": None,
    }


@dataclass
class OwnRefusal:
    """Mine."""

    reason: str


async def test_own_responses_are_kept(service: Service) -> None:
    """A route's own description of 401 is kept, above and below the decorator; 403 is added."""
    quart_schema.QuartSchema(service.app)
    document = quart_schema.document_response(OwnRefusal, 401)
    required = service.auth.required()

    async def raw() -> str:
        return ""

    below = document(raw)
    service.app.get("/below", endpoint="below")(required(below))
    service.app.get("/above", endpoint="above")(document(required(lambda: "")))
    paths = (await document_of(service.app))["paths"]
    said = {
        path: {status: each["description"] for status, each in item["get"]["responses"].items()}
        for path, item in paths.items()
    }

    both = {
        "400": "The request is malformed, for example with more than one credential.",
        "401": "Mine.",
        "403": "The token does not permit this request.",
        "503": "The token cannot be checked at the moment.",
    }
    assert said == {"/below": both, "/above": both}


async def test_cookie_first(clock: FrozenClock) -> None:
    """If the first carrier is a cookie, the scheme is an API key in that cookie."""
    service = Service(clock, carriers=[COOKIES], scheme_name="Cookie")
    quart_schema.QuartSchema(service.app, security_schemes={"Own": {"type": "http", "scheme": "a"}})
    add_routes(service.app, service.auth)
    document = await document_of(service.app)

    assert document["components"]["securitySchemes"] == {
        "Own": {"type": "http", "scheme": "a"},
        "Cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-access_token"},
    }
    assert security_of(document)["/required"] == [{"Cookie": []}]


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
async def test_scheme_of_any_type(clock: FrozenClock, carrier: Any) -> None:
    """The scheme of a carrier, such as the password flow, is in the document as it is."""
    service = Service(clock, carriers=[carrier])
    quart_schema.QuartSchema(service.app)
    document = await document_of(service.app)

    assert document["components"]["securitySchemes"] == {"Bearer": carrier.security_scheme}


@pytest.mark.parametrize("schema_first", [True, False])
async def test_own_scheme_is_kept(bare: Service, schema_first: bool) -> None:
    """The user's definition of the scheme wins, in any order of setup."""
    own = {"type": "http", "scheme": "bearer", "bearer_format": "opaque"}
    steps = [
        lambda: quart_schema.QuartSchema(bare.app, security_schemes={"Bearer": own}),
        lambda: bare.auth.init_app(bare.app),
    ]
    for step in steps if schema_first else reversed(steps):
        step()

    schemes = (await document_of(bare.app))["components"]["securitySchemes"]
    assert schemes == {"Bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "opaque"}}


async def test_several_requirements(clock: FrozenClock) -> None:
    """The requirements of several decorators of one route apply together, not as alternatives."""
    shop = TokenAuth(contract_engine(clock), scheme_name="Shop")
    staff_engine = contract_engine(clock, key=Key.from_secret(OTHER_SECRET))
    staff = TokenAuth(staff_engine, scheme_name="Staff", carriers=[QueryCarrier()])
    app = Quart(__name__)
    quart_schema.QuartSchema(app)
    for auth in (shop, staff):
        auth.init_app(app)
    scoped = shop.required(scopes=["b", "a"])
    app.get("/", endpoint="root")(shop.required(scopes=["a"])(staff.required()(scoped(lambda: ""))))
    document = await document_of(app)

    assert document["components"]["securitySchemes"] == {
        "Shop": BEARER,
        "Staff": {"type": "apiKey", "in": "query", "name": "access_token"},
    }
    assert security_of(document) == {"/": [{"Shop": ["b", "a"], "Staff": []}]}


async def test_groups(service: Service) -> None:
    """Routes of a guarded blueprint and its nested blueprints name the scheme; other routes do not."""
    quart_schema.QuartSchema(service.app)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)

    @outer.before_request
    @service.auth.required(scopes=["outer"])
    async def guard() -> None: ...

    @inner.before_request
    @service.auth.required(scopes=["inner"])
    async def guard_inner() -> None: ...

    outer.get("/outer", endpoint="root")(lambda: "")
    inner.get("/inner", endpoint="root")(service.auth.required(scopes=["own"])(lambda: ""))
    service.app.get("/beside", endpoint="beside")(lambda: "")
    outer.register_blueprint(inner)
    service.app.register_blueprint(outer)

    assert security_of(await document_of(service.app)) == {
        "/outer": [{"Bearer": ["outer"]}],
        "/inner": [{"Bearer": ["outer", "inner", "own"]}],
        "/beside": None,
    }


async def test_guard_of_the_app(service: Service) -> None:
    """A guard of the app applies to every route and to the document itself."""
    quart_schema.QuartSchema(service.app)
    service.app.before_request(service.auth.required()(lambda: None))
    service.app.get("/", endpoint="root")(lambda: "")

    async with client_of(service.app) as client:
        assert (await client.get("/openapi.json")).status_code == 401
    document = (await service.get("/openapi.json")).json()
    assert security_of(document) == {"/": [{"Bearer": []}]}


WITHOUT_QUART_SCHEMA = """
import asyncio, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "quart_schema":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from quart import Quart
from tokenward import KeyRing, TokenEngine
from tokenward_quart import TokenAuth

async def main():
    engine = TokenEngine(KeyRing.generate("HS256"))
    app, auth = Quart("shop"), TokenAuth(engine)
    auth.init_app(app)
    app.get("/", endpoint="root")(auth.required()(lambda: auth.current_claims.sub))
    async with app.test_app() as running:
        client = running.test_client()
        print((await client.get("/")).status_code)
        headers = {"Authorization": f"Bearer {await engine.issue('alice')}"}
        print(await (await client.get("/", headers=headers)).get_data(as_text=True))
    assert "quart_schema" not in sys.modules

asyncio.run(main())
"""


def test_without_quart_schema() -> None:
    """Without quart-schema everything except the document works."""
    ran = subprocess.run(  # noqa: S603 - this file's own program
        [sys.executable, "-W", "error", "-c", WITHOUT_QUART_SCHEMA],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ran.stdout.split(), ran.stderr) == (["401", "alice"], "")


async def test_decorated_without_quart_schema(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A route that is decorated without quart-schema is guarded, but not documented."""
    monkeypatch.setitem(sys.modules, "quart_schema", None)
    seen = quart_service.protect(service)

    assert (await service.get("/", None)).status_code == 401
    assert ((await service.get("/")).text, seen) == ("alice", ["called"])


def test_documents_about_keys_need_no_quart_schema(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without quart-schema the keys are published too."""
    monkeypatch.setitem(sys.modules, "quart_schema", None)
    publisher = KeyPublisher(KeyRing.generate())

    service.auth.publish_keys(service.app, publisher)

    assert "/-well-known/jwks-json" in service.app.view_functions


async def test_own_security(service: Service) -> None:
    """A route with its own security alternatives needs the token in each of them."""
    own = quart_schema.security_scheme([{"Key": []}, {"Bearer": ["x"]}])
    quart_schema.QuartSchema(service.app)
    service.app.get("/", endpoint="root")(own(service.auth.required(scopes=["a"])(lambda: "")))

    security = security_of(await document_of(service.app))
    assert security == {"/": [{"Key": [], "Bearer": ["a"]}, {"Bearer": ["a"]}]}


async def test_csrf_header_of_several_methods(clock: FrozenClock) -> None:
    """Only the unsafe methods of a view document the header of the CSRF token."""
    service = Service(clock, carriers=[COOKIES])
    quart_schema.QuartSchema(service.app)
    view = service.auth.required()(lambda: "")
    service.app.add_url_rule("/", "root", view, methods=["GET", "POST"])

    item = (await document_of(service.app))["paths"]["/"]
    assert item["get"]["parameters"] == []
    assert [each["name"] for each in item["post"]["parameters"]] == ["X-CSRF-Token"]


async def test_refresh_operation(clock: FrozenClock) -> None:
    """A refresh names the carriers that it reads."""
    service = Service(clock)
    quart_schema.QuartSchema(service.app)
    describe = service.auth.refresh_operation(carriers=[COOKIES])
    service.app.post("/", endpoint="root")(describe(lambda: ""))

    operation = (await document_of(service.app))["paths"]["/"]["post"]
    assert operation["security"] == [{"BearerRefreshCookie": []}]
    assert sorted(operation["responses"]) == STATUSES
