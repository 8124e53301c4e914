"""The OpenAPI document: the same security, parameters and refusals in every framework."""

from importlib import import_module
from typing import Any

import pytest

from tests.adapters.adapters import WANTED, build_of
from tests.support import FrozenClock
from tokenward.http.mtls import TlsCertificate
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.service import client_of, contract_engine

ADDRESSES = {
    "fastapi": "/openapi.json",
    "litestar": "/schema/openapi.json",
    "quart": "/openapi.json",
}
BEARER: list[dict[str, list[str]]] = [{"Bearer": []}]
ADMIN = [{"Bearer": ["admin"]}]
ORDERS = [{"Bearer": ["orders:read"]}]
BROWSER: list[dict[str, list[str]]] = [{"Shop": []}, {"ShopCookie": []}]
REFRESHING: list[dict[str, list[str]]] = [{"Shop": []}, {"ShopRefreshCookie": []}]
SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "get /me": BEARER,
    "get /orders": ORDERS,
    "get /reports": [{"Bearer": ["orders:read", "reports:write"]}],
    "get /any": [*ORDERS, *ADMIN],
    "get /any-and-all": [{"Bearer": ["shop", "orders:read"]}, {"Bearer": ["shop", "admin"]}],
    "get /fresh": BEARER,
    "get /recent": BEARER,
    "get /level": BEARER,
    "get /level-and-age": BEARER,
    "get /level-and-scope": ORDERS,
    "get /delegated": BEARER,
    "get /by-anyone": BEARER,
    "get /in-person": BEARER,
    "get /delegated-and-scope": ORDERS,
    "post /refresh-only": BEARER,
    "get /checked": BEARER,
    "get /checked-async": BEARER,
    "get /maybe": [{}, *BEARER],
    "get /maybe-orders": [{}, *ORDERS],
    "get /slow": BEARER,
    "get /twice": ORDERS,
    "get /crossed": BEARER,
    "get /admin": ADMIN,
    "get /admin/users": ADMIN,
    "get /download": [{"BearerQuery": []}],
    "get /either": [{"BearerQuery": []}, *BEARER],
    "get /proxied": [{"BearerHeader": []}, {"BearerCookie": []}],
    "post /proxied": [{"BearerHeader": []}, {"BearerCookie": []}],
    "post /proxied-cookie": [{"BearerCookie": []}],
    "get /browser/me": BROWSER,
    "post /browser/me": BROWSER,
    "put /browser/me": BROWSER,
    "post /browser/logout": BROWSER,
    "post /browser/form": BROWSER,
    "post /browser/maybe": [{}, *BROWSER],
    "post /browser/refresh": REFRESHING,
}
"""The security of each route with a guard, and of the refresh."""
WITH_CSRF_HEADER = {
    "post /proxied-cookie",
    "post /browser/me",
    "put /browser/me",
    "post /browser/logout",
    "post /browser/form",
    "post /browser/maybe",
    "post /browser/refresh",
}
"""Routes with unsafe methods that accept a cookie, and the refresh."""
RAISING = ("post /renew", "post /browser/login")
"""Routes without a guard that document what they raise."""
PUBLIC = (*RAISING, "get /public", "post /renew-json")
HTTP_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
SCHEMES = {
    "Bearer": HTTP_BEARER,
    "BearerQuery": {"type": "apiKey", "in": "query", "name": "access_token"},
    "BearerHeader": {"type": "apiKey", "in": "header", "name": "Cf-Access-Jwt-Assertion"},
    "BearerCookie": {"type": "apiKey", "in": "cookie", "name": "CF_Authorization"},
    "Shop": HTTP_BEARER,
    "ShopCookie": {"type": "apiKey", "in": "cookie", "name": "__Host-access_token"},
    "ShopRefreshCookie": {"type": "apiKey", "in": "cookie", "name": "__Secure-refresh_token"},
}
IN_TLS: list[dict[str, list[str]]] = [{"Bearer": [], "BearerMutualTLS": []}]
ORDERS_IN_TLS = [{"Bearer": ["orders:read"], "BearerMutualTLS": []}]
BOUND: dict[str, list[dict[str, list[str]]]] = {
    "get /bound": IN_TLS,
    "get /either": BEARER,
    "get /bound-orders": ORDERS_IN_TLS,
    "get /maybe-bound": [{}, *IN_TLS],
    "get /bound-twice": ORDERS_IN_TLS,
}
"""The security of each route of the service with certificates."""
UNDOCUMENTED = ("get /browser/leave", "get /browser/renew", "head /browser/renew")
"""Routes that only some services of the contract have in their document."""


async def document_of(app: Any, framework: str) -> dict[str, Any]:
    """Return the document of an app."""
    if framework == "quart":
        pytest.importorskip("quart_schema")
        import_module("quart_schema").QuartSchema(app)
    async with client_of(app) as client:
        document: dict[str, Any] = (await client.get(ADDRESSES[framework])).json()
    return document


def operations_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations of a document by method and path."""
    return {
        f"{method} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


@pytest.fixture(params=WANTED)
async def document(request: pytest.FixtureRequest, clock: FrozenClock) -> dict[str, Any]:
    """Return the document of the contract's service in one framework."""
    return await document_of(build_of(request.param)(contract_engine(clock)), request.param)


@pytest.fixture
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations of the document by method and path."""
    found = operations_of(document)
    return {name: operation for name, operation in found.items() if name not in UNDOCUMENTED}


def test_schemes(document: dict[str, Any]) -> None:
    """Each place of a token that a route accepts has a scheme."""
    assert document["components"]["securitySchemes"] == SCHEMES


def test_security(operations: dict[str, dict[str, Any]]) -> None:
    """Guarded routes need the token and its scopes; optional routes offer it; public ones do not."""
    assert {name: operation.get("security") for name, operation in operations.items()} == {
        **SECURITY,
        **dict.fromkeys(PUBLIC),
    }


def test_csrf_header(operations: dict[str, dict[str, Any]]) -> None:
    """Unsafe routes that accept a cookie, and the refresh, document the header of the CSRF token."""
    parameters = {name: operation.get("parameters", []) for name, operation in operations.items()}
    found = {
        name: [each["name"] for each in listed if each["in"] == "header"]
        for name, listed in parameters.items()
    }
    # Litestar describes all methods of a handler together.
    found.pop("get /browser/me")

    assert found == {name: ["X-CSRF-Token"] * (name in WITH_CSRF_HEADER) for name in found}
    (parameter,) = parameters["post /browser/me"]
    assert "cookie" in parameter["description"]
    assert (parameter["schema"], parameter.get("required", False)) == ({"type": "string"}, False)


def test_refusals(document: dict[str, Any], operations: dict[str, dict[str, Any]]) -> None:
    """The four refusals are listed on guarded and optional routes, and with `auth.responses`."""
    statuses = ["400", "401", "403", "503"]
    listed = {
        name: sorted(set(operation["responses"]) - {"200"})
        for name, operation in operations.items()
    }
    refusing = [*SECURITY, *RAISING]
    assert listed == {name: statuses if name in refusing else [] for name in operations}

    component = {"$ref": "#/components/schemas/RefusalBody"}
    for name in refusing:
        responses = operations[name]["responses"]
        assert all(responses[status]["description"] for status in statuses)
        schemas = {
            status: responses[status]["content"]["application/json"]["schema"]
            for status in statuses
        }
        assert [schemas[status] for status in statuses] == [component] * 4


def test_refusal_body(document: dict[str, Any]) -> None:
    """The documented body has the members of a real one."""
    schema = document["components"]["schemas"]["RefusalBody"]

    assert set(schema["required"]) == schema["properties"].keys() == answers.MISSING.body.keys()


@pytest.mark.parametrize("framework", WANTED)
async def test_certificates(framework: str, clock: FrozenClock) -> None:
    """OpenAPI 3.1 §4.8.27: routes that require a certificate name it beside the token."""
    module = import_module(f"tests.adapters.{framework}_bound")
    app = module.build(contract_engine(clock), mtls=TlsCertificate())
    document = await document_of(app, framework)

    security = {name: each.get("security") for name, each in operations_of(document).items()}
    assert {name: security[name] for name in BOUND} == BOUND
    assert document["openapi"].startswith("3.1.")
    schemes = document["components"]["securitySchemes"]
    assert schemes.keys() == {"Bearer", "BearerMutualTLS"}
    assert schemes["Bearer"] == HTTP_BEARER
    scheme = schemes["BearerMutualTLS"]
    assert (scheme.keys(), scheme["type"]) == ({"type", "description"}, "mutualTLS")
