"""What OpenAPI documents say about guarded routes."""

import pytest

from tokenward import BearerHeader, CookieCarrier
from tokenward.http import (
    CsrfCheck,
    DocumentedGuard,
    HeaderCarrier,
    ProxyCookieCarrier,
    QueryCarrier,
    Requirement,
    SecuritySchemes,
    WebSocketProtocolCarrier,
    add_parameters,
    header_parameters,
    security_of,
)
from tokenward.http.openapi import scope_alternatives

BOTH = (BearerHeader(), CookieCarrier())


def names_of(alternatives):
    """Return the names of the schemes of each alternative."""
    return [[*each] for each in alternatives]


@pytest.mark.parametrize(
    ("requirements", "further", "expected"),
    [
        ([], [], [[]]),
        ([{}], [], [[]]),
        ([{"scopes": ["a", "b"]}], ["c", "a"], [["c", "a", "b"]]),
        ([{"any_scope": ["a", "b"]}], [], [["a"], ["b"]]),
        ([{"scopes": ["s"], "any_scope": ["a", "b"]}], [], [["s", "a"], ["s", "b"]]),
        ([{"any_scope": ["a", "a"]}], [], [["a"]]),
        ([{"any_scope": ["a", "b"]}, {"scopes": ["a"]}], [], [["a"]]),
        ([{"any_scope": ["a", "b"]}, {"any_scope": ["a", "c"]}], [], [["a"], ["b", "c"]]),
        ([{"any_scope": ["a", "b"]}, {"any_scope": ["b", "a"]}], [], [["a"], ["b"]]),
    ],
    ids=[
        "nothing",
        "any token",
        "all",
        "any",
        "any and all",
        "the same twice",
        "implied",
        "two choices",
        "the same choice",
    ],
)
def test_the_alternatives_of_a_route(requirements, further, expected):
    """Each alternative meets all requirements, and none contains another."""
    asked = [Requirement(**each) for each in requirements]
    assert scope_alternatives(asked, further) == expected


def test_each_place_of_the_token_is_an_alternative():
    """A scheme has the name of the `TokenAuth` and the place; each has the same scopes."""
    schemes = SecuritySchemes("Bearer", BOTH)
    requirement = Requirement(scopes=["a"], any_scope=["b", "c"])
    assert schemes.alternatives([requirement]) == [
        {"Bearer": ["a", "b"]},
        {"Bearer": ["a", "c"]},
        {"BearerCookie": ["a", "b"]},
        {"BearerCookie": ["a", "c"]},
    ]
    assert [*schemes.objects] == ["Bearer", "BearerCookie"]


def test_a_refresh_token_has_a_cookie_of_its_own():
    """Its scheme names the cookie of the refresh token; the header is the same."""
    schemes = SecuritySchemes("Bearer", BOTH)
    assert names_of(schemes.alternatives([Requirement(type="refresh")])) == [
        ["Bearer"],
        ["BearerRefreshCookie"],
    ]
    assert schemes.objects["BearerRefreshCookie"]["name"] == "__Secure-refresh_token"


def test_the_first_carrier_is_a_cookie():
    """The name of the `TokenAuth` is that of the access token's cookie."""
    schemes = SecuritySchemes("Shop", [CookieCarrier()])
    assert names_of(schemes.alternatives([Requirement()])) == [["Shop"]]
    refresh = schemes.alternatives([Requirement(type="refresh")])
    assert names_of(refresh) == [["ShopRefreshCookie"]]


def test_the_carriers_of_a_route():
    """A route's own carriers replace those of the `TokenAuth`; equal schemes share a name."""
    schemes = SecuritySchemes("Bearer", BOTH)
    carriers = [QueryCarrier(), BearerHeader(token_url="/token"), CookieCarrier()]
    own = schemes.alternatives([Requirement(carriers=carriers)])
    assert names_of(own) == [["BearerQuery"], ["BearerOauth2"], ["BearerCookie"]]
    assert names_of(schemes.alternatives([Requirement()])) == [["Bearer"], ["BearerCookie"]]


def test_two_schemes_of_one_place_are_numbered():
    """Several cookies are several schemes."""
    schemes = SecuritySchemes("Bearer", BOTH)
    cookies = [CookieCarrier(), ProxyCookieCarrier("a"), ProxyCookieCarrier("b")]
    assert names_of(schemes.alternatives([Requirement(carriers=cookies)])) == [
        ["BearerCookie"],
        ["BearerCookie2"],
        ["BearerCookie3"],
    ]


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        ([{}], [{"Bearer": []}, {"BearerCookie": []}]),
        ([{"mtls": "allowed"}], [{"Bearer": []}, {"BearerCookie": []}]),
        (
            [{"mtls": "required"}],
            [{"Bearer": [], "BearerMutualTLS": []}, {"BearerCookie": [], "BearerMutualTLS": []}],
        ),
        (
            [{"mtls": "required", "any_scope": ["a", "b"], "carriers": [BearerHeader()]}],
            [{"Bearer": ["a"], "BearerMutualTLS": []}, {"Bearer": ["b"], "BearerMutualTLS": []}],
        ),
        (
            [{"mtls": "required", "optional": True, "carriers": [BearerHeader()]}],
            [{}, {"Bearer": [], "BearerMutualTLS": []}],
        ),
        (
            [{"carriers": [BearerHeader()]}, {"mtls": "required", "optional": True}],
            [{"Bearer": [], "BearerMutualTLS": []}],
        ),
        (
            [{"mtls": "required", "dpop": "required"}] * 2,
            [{"BearerDpop": [], "BearerMutualTLS": []}],
        ),
    ],
    ids=["none", "allowed", "required", "scopes", "optional", "optional beside another", "DPoP"],
)
def test_a_certificate_is_needed_beside_the_token(requirements, expected):
    """RFC 8705 §3: every alternative has it, without scopes; where it is allowed, none has."""
    schemes = SecuritySchemes("Bearer", BOTH)
    asked = [Requirement(**each) for each in requirements]
    assert schemes.alternatives(asked) == expected
    assert schemes.alternatives(asked) == expected

    scheme = schemes.objects.get("BearerMutualTLS")
    assert (scheme is not None) == ("BearerMutualTLS" in expected[-1])
    assert scheme is None or scheme["type"] == "mutualTLS"


@pytest.mark.parametrize(
    ("carriers", "type", "expected"),
    [
        ([BearerHeader(), WebSocketProtocolCarrier()], "access", ["Bearer"]),
        ([BearerHeader(), ProxyCookieCarrier("a")], "refresh", ["Bearer"]),
        ([WebSocketProtocolCarrier()], "access", ["Bearer"]),
    ],
    ids=["WebSockets only", "access tokens only", "nothing left"],
)
def test_places_without_a_token_over_http_are_no_alternatives(carriers, type, expected):
    """A scheme that no request of the route can use is not documented, unless it is the only one."""
    schemes = SecuritySchemes("Bearer", carriers)
    assert names_of(schemes.alternatives([Requirement(type=type)])) == [expected]


def test_requirements_with_different_carriers_apply_together():
    """One place that is enough for both is an alternative; otherwise the token is in two places."""
    schemes = SecuritySchemes("Bearer", BOTH)
    requirements = [Requirement(), Requirement(carriers=[BearerHeader(), QueryCarrier()])]
    assert names_of(schemes.alternatives(requirements)) == [
        ["Bearer"],
        ["BearerCookie", "BearerQuery"],
    ]


def test_an_optional_requirement_beside_a_needed_one():
    """The token is needed, from the carriers of the needed one, with the scopes of both."""
    schemes = SecuritySchemes("Bearer", [BearerHeader()])
    optional = Requirement(optional=True, scopes=["b"], carriers=[QueryCarrier()])
    needed = Requirement(scopes=["a"])
    assert schemes.alternatives([optional, needed]) == [{"Bearer": ["b", "a"]}]
    assert schemes.alternatives([optional]) == [{}, {"BearerQuery": ["b"]}]


def test_the_guards_of_two_token_auths_apply_together():
    """Each combination is an alternative, also with the alternatives that the user wrote."""
    shop, staff = (SecuritySchemes(name, [BearerHeader()]) for name in ("Shop", "Staff"))
    guards = [
        DocumentedGuard(shop, Requirement(optional=True)),
        DocumentedGuard(staff, Requirement(), further_scopes=["a"]),
    ]
    assert security_of(guards) == [{"Staff": ["a"]}, {"Shop": [], "Staff": ["a"]}]
    own = [{"Key": []}, {"Shop": ["x"], "Key": []}, {"Staff": []}]
    assert security_of(guards, own) == [
        {"Key": [], "Staff": ["a"]},
        {"Key": [], "Shop": [], "Staff": ["a"]},
        {"Staff": ["a"]},
        {"Shop": [], "Staff": ["a"]},
    ]


@pytest.mark.parametrize("method", ["GET", "head", "OPTIONS", "TRACE", "POST", "put", "DELETE"])
@pytest.mark.parametrize(
    ("carriers", "type", "unsafe", "safe"),
    [
        ([BearerHeader(), QueryCarrier()], "access", [], []),
        (BOTH, "access", ["X-CSRF-Token"], []),
        (BOTH, "refresh", ["X-CSRF-Token"], ["X-CSRF-Token"]),
        ([ProxyCookieCarrier("a")], "access", ["X-CSRF-Token"], []),
        ([ProxyCookieCarrier("a", proxy_prevents_csrf=True)], "access", [], []),
        ([ProxyCookieCarrier("a")], "refresh", [], []),
        ([HeaderCarrier("X-Token")], "access", [], []),
        (
            [CookieCarrier(csrf=CsrfCheck(header="X-Own")), ProxyCookieCarrier("a")],
            "access",
            ["X-CSRF-Token", "X-Own"],
            [],
        ),
    ],
    ids=["no cookie", "cookie", "refresh", "proxy", "safe proxy", "no refresh", "header", "two"],
)
def test_the_header_of_the_csrf_token(carriers, type, unsafe, safe, method):
    """Requests that `check_csrf` would refuse without a CSRF token document its header."""
    guard = DocumentedGuard(SecuritySchemes("Bearer", carriers), Requirement(type=type))
    expected = safe if method.upper() in {"GET", "HEAD", "OPTIONS", "TRACE"} else unsafe
    assert [each["name"] for each in header_parameters([guard], method)] == expected


def test_a_parameter_is_added_once():
    """The user's description of the header is kept, whatever its case; the old list is unchanged."""
    guard = DocumentedGuard(SecuritySchemes("Bearer", BOTH), Requirement())
    parameters = header_parameters([guard], "POST")
    own = [{"name": "x-csrf-token", "in": "header", "description": "Mine."}, {"$ref": "#/x"}]
    cookie = [{"name": "X-CSRF-Token", "in": "cookie"}]

    for operation, expected in [
        ({"parameters": own}, own),
        ({"parameters": cookie}, cookie + parameters),
        ({}, parameters),
    ]:
        add_parameters(operation, parameters)
        assert operation["parameters"] == expected
    assert len(cookie) == 1
