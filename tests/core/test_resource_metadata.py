"""The metadata of a protected resource (RFC 9728), and the challenges that name it."""

import json
from datetime import timedelta

import pytest

from tests.support import SECRET
from tokenward import ConfigurationError, KeyRing, TokenEngine
from tokenward.errors import (
    CsrfMissingError,
    InsufficientScopeError,
    InvalidRequestError,
    MissingTokenError,
    PermissionDeniedError,
    StoreUnavailableError,
    TokenExpiredError,
)
from tokenward.http import Authenticator, Refusal, RequestView, Requirement, ResourceMetadata

RESOURCE = "https://api.example/mcp"
SERVERS = ["https://login.example"]
WELL_KNOWN = "/.well-known/oauth-protected-resource"
ENGINE = TokenEngine(KeyRing.from_secret(SECRET))


def metadata(resource=RESOURCE, **settings):
    """Return the metadata of a resource."""
    return ResourceMetadata(resource, **{"authorization_servers": SERVERS, **settings})


def ask(resource, *conditions, method="GET"):
    """Return the response to a request for the document."""
    headers = [(b"if-none-match", value) for value in conditions]
    view = RequestView({"type": "http", "method": method, "headers": headers})
    return resource.respond(view, resource.paths[0])


def challenge_of(error, *, resource, requirement=None, further_scopes=()):
    """Return the challenge of an authenticator with these settings."""
    authenticator = Authenticator(ENGINE, resource=resource)
    refusal = authenticator.refusal(error, requirement, further_scopes=further_scopes)
    return refusal.headers.get("WWW-Authenticate")


def test_the_smallest_document():
    """Two members are required of the caller; a member without a value is omitted (RFC 9728 §3.2)."""
    answer = ask(metadata())

    assert json.loads(answer.body) == {
        "resource": RESOURCE,
        "authorization_servers": SERVERS,
        "bearer_methods_supported": ["header"],
    }
    assert (answer.status, answer.headers) == (
        200,
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(answer.body)),
            "Cache-Control": "public, max-age=300",
            "ETag": answer.headers["ETag"],
            "Access-Control-Allow-Origin": "*",
        },
    )


def test_the_full_document():
    """Every argument is a member of RFC 9728 §2; others are added."""
    resource = metadata(
        authorization_servers=[*SERVERS, "http://localhost:9000/realms/shop"],
        scopes=("orders:read", "orders:write"),
        bearer_methods=["header", "query"],
        jwks_uri="https://api.example/.well-known/jwks.json",
        name="Shop",
        documentation="https://api.example/docs?for=mcp",
        metadata={"resource_policy_uri": "https://api.example/policy", "resource_name#de": "Laden"},
    )

    assert json.loads(ask(resource).body) == {
        "resource": RESOURCE,
        "authorization_servers": [*SERVERS, "http://localhost:9000/realms/shop"],
        "scopes_supported": ["orders:read", "orders:write"],
        "bearer_methods_supported": ["header", "query"],
        "jwks_uri": "https://api.example/.well-known/jwks.json",
        "resource_name": "Shop",
        "resource_documentation": "https://api.example/docs?for=mcp",
        "resource_policy_uri": "https://api.example/policy",
        "resource_name#de": "Laden",
    }
    assert resource.resource == RESOURCE


def test_no_bearer_method():
    """An API that reads tokens from cookies alone lists no bearer method."""
    assert "bearer_methods_supported" not in json.loads(ask(metadata(bearer_methods=())).body)


@pytest.mark.parametrize(
    ("resource", "url", "path"),
    [
        ("https://api.example", f"https://api.example{WELL_KNOWN}", WELL_KNOWN),
        ("https://api.example/", f"https://api.example{WELL_KNOWN}", WELL_KNOWN),
        (RESOURCE, f"https://api.example{WELL_KNOWN}/mcp", f"{WELL_KNOWN}/mcp"),
        (f"{RESOURCE}/", f"https://api.example{WELL_KNOWN}/mcp/", f"{WELL_KNOWN}/mcp/"),
        ("https://api.example:8443/a/b", f"https://api.example:8443{WELL_KNOWN}/a/b", f"{WELL_KNOWN}/a/b"),
        ("http://localhost:8000/mcp", f"http://localhost:8000{WELL_KNOWN}/mcp", f"{WELL_KNOWN}/mcp"),
        ("http://[::1]:1", f"http://[::1]:1{WELL_KNOWN}", WELL_KNOWN),
    ],
)  # fmt: skip
def test_where_the_document_is(resource, url, path):
    """The path of the resource follows the well-known path (RFC 9728 §3.1)."""
    found = metadata(resource)

    assert (found.url, found.paths) == (url, (path,))
    assert json.loads(ask(found).body)["resource"] == resource


def test_conditions_head_and_preflight():
    """The document is cached and read by pages as the published keys are."""
    resource = metadata(max_age=timedelta(0))
    answer = ask(resource)
    unchanged = ask(resource, answer.headers["ETag"].encode())

    assert answer.headers["Cache-Control"] == "public, max-age=0"
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert ask(resource, method="HEAD").headers == answer.headers
    assert ask(resource, method="OPTIONS").status == 204


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"resource": "api.example"}, "resource must be"),
        ({"resource": None}, "resource must be"),
        ({"resource": "http://api.example"}, "Plain http is only for localhost"),
        ({"resource": "https://api.example/mcp?a=b"}, "resource must be"),
        ({"resource": "https://api.example/mcp#a"}, "resource must be"),
        ({"resource": "https://user:word@api.example/mcp"}, "resource must be"),
        ({"resource": "https://api.example/{path}"}, "resource must be"),
        ({"resource": 'https://api.example/"'}, "resource must be"),
        ({"resource": f"{RESOURCE}\n"}, "resource must be"),
        ({"authorization_servers": []}, "at least one issuer"),
        ({"authorization_servers": "https://login.example"}, "at least one issuer"),
        ({"authorization_servers": {"https://login.example"}}, "at least one issuer"),
        ({"authorization_servers": ["http://login.example"]}, "Each authorization server"),
        ({"authorization_servers": [*SERVERS, None]}, "Each authorization server"),
        ({"scopes": ["orders read"]}, "scope"),
        ({"bearer_methods": "header"}, "bearer_methods"),
        ({"bearer_methods": ["cookie"]}, "bearer_methods"),
        ({"jwks_uri": "http://api.example/jwks"}, "jwks_uri"),
        ({"jwks_uri": 5}, "jwks_uri"),
        ({"documentation": "docs.html"}, "documentation"),
        ({"documentation": "javascript:alert(1)"}, "documentation"),
        ({"name": 5}, "name must be text"),
        ({"metadata": {"jwks_uri": "https://api.example"}}, "have an argument"),
        ({"metadata": {"a": float("nan")}}, "cannot be written as JSON"),
        ({"max_age": 300}, "max_age"),
    ],
)
def test_invalid_settings(settings, fault):
    """An invalid setting is refused when the object is built."""
    with pytest.raises(ConfigurationError, match=fault):
        metadata(**settings)


def test_scopes_must_be_a_collection():
    """One text instead of several is a TypeError, as in every argument for scopes."""
    with pytest.raises(TypeError, match="scopes"):
        metadata(scopes="orders:read")


def test_the_resource_of_an_authenticator_is_metadata():
    """A URL alone is refused, because it is not the URL of the metadata."""
    with pytest.raises(ConfigurationError, match="must be a ResourceMetadata"):
        Authenticator(ENGINE, resource=RESOURCE)


URL = f"https://api.example{WELL_KNOWN}/mcp"
ORDERS = Requirement(scopes=["orders:read"], any_scope=["staff", "admin"])
NAMED = 'scope="orders:read staff admin"'


@pytest.mark.parametrize(
    ("error", "parameters"),
    [
        (MissingTokenError(), [NAMED]),
        (TokenExpiredError(), ['error="invalid_token"', NAMED]),
        (InsufficientScopeError(("orders:read",)), ['scope="orders:read"']),
        (InsufficientScopeError(), []),
        (PermissionDeniedError(), ['error="insufficient_scope"']),
        (CsrfMissingError(), ['error="invalid_request"']),
        (InvalidRequestError(), ['error="invalid_request"']),
    ],
    ids=["missing", "expired", "scope", "no scope", "permission", "csrf", "request"],
)
def test_what_a_challenge_says(error, parameters):
    """Every challenge names the document. A 401 names the scopes of the route, a 403 those that lack."""
    challenge = challenge_of(error, resource=metadata(), requirement=ORDERS)

    assert challenge.endswith(f', resource_metadata="{URL}"')
    assert all(each in challenge for each in parameters)
    assert challenge.count(" scope=") == sum("scope=" in each for each in parameters)


def test_the_scopes_that_a_401_names():
    """They are those of the requirement and the further ones, each once."""
    requirement = Requirement(scopes=["a", "b"], any_scope=["b", "c"])
    challenge = challenge_of(
        MissingTokenError(), resource=metadata(), requirement=requirement, further_scopes=["d", "a"]
    )

    assert challenge == f'Bearer realm="api", scope="a b d c", resource_metadata="{URL}"'


@pytest.mark.parametrize("requirement", [None, Requirement()])
def test_unknown_scopes_are_not_named(requirement):
    """Without a requirement or without scopes the challenge has no scope."""
    challenge = challenge_of(MissingTokenError(), resource=metadata(), requirement=requirement)

    assert challenge == f'Bearer realm="api", resource_metadata="{URL}"'


def test_an_outage_has_no_challenge():
    """A 503 leads nowhere: a new token would not help."""
    assert challenge_of(StoreUnavailableError(), resource=metadata(), requirement=ORDERS) is None


def test_without_a_resource_nothing_changes():
    """Without metadata a challenge names neither the document nor the scopes of the route."""
    challenge = challenge_of(MissingTokenError(), resource=None, requirement=ORDERS)

    assert challenge == 'Bearer realm="api"'


def test_quotes_cannot_leave_a_parameter():
    """A refusal built by hand keeps quotes, backslashes and line breaks out of the header."""
    refusal = Refusal.from_error(
        MissingTokenError(), resource_metadata='https://a"\r\n\\', scopes=['x"', "y\\"]
    )

    assert refusal.headers["WWW-Authenticate"] == (
        'Bearer realm="api", scope="x y", resource_metadata="https://a"'
    )
