"""Where requests carry tokens, except cookies."""

import pytest

from tests.core.http_requests import socket, view
from tests.support import engine_with
from tokenward import BearerHeader, ConfigurationError, InvalidTokenError
from tokenward.errors import InvalidRequestError, MissingTokenError
from tokenward.http import (
    Authenticator,
    HeaderCarrier,
    ProxyCookieCarrier,
    QueryCarrier,
    Requirement,
    WebSocketProtocolCarrier,
)


def bearer(value: bytes) -> bytes | None:
    """Read one Authorization header."""
    return BearerHeader().read_token(view((b"authorization", value)), "access")


def query(text: bytes, name: str = "access_token") -> bytes | None:
    """Read a query."""
    return QueryCarrier(name=name).read_token(view(query_string=text), "access")


def offered(*values: bytes, marker: str = "bearer") -> bytes | None:
    """Read the subprotocols that a WebSocket handshake offers."""
    headers = ((b"sec-websocket-protocol", value) for value in values)
    return WebSocketProtocolCarrier(marker=marker).read_token(socket(*headers), "access")


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER", b"bEaReR"])
@pytest.mark.parametrize("space", [b" ", b"   "])
def test_the_scheme_is_read_in_any_case(scheme, space):
    """RFC 9110 §11.1: schemes are case-insensitive; RFC 6750 §2.1: spaces follow."""
    assert bearer(scheme + space + b"a.b.c") == b"a.b.c"


@pytest.mark.parametrize(
    "value",
    [b"Basic dTpw", b"", b"a.b.c", b"Bearera.b.c", b"Token a.b.c", b"\xff\xfe x"],
)
def test_another_scheme_is_no_token(value):
    """Credentials with another scheme, and a token without a scheme, are not read."""
    assert bearer(value) is None


def test_a_tab_does_not_hide_a_token():
    """A tab becomes part of the token, which the engine refuses as malformed."""
    assert bearer(b"Bearer\ta.b.c") == b"\ta.b.c"


@pytest.mark.parametrize("value", [b"Bearer", b"Bearer ", b"Bearer   "])
def test_the_scheme_alone_is_an_empty_token(value):
    """The scheme alone is an empty token, which is invalid but not absent."""
    assert bearer(value) == b""


def test_without_the_header_there_is_no_token():
    """Other headers are ignored."""
    assert BearerHeader().read_token(view((b"x-authorization", b"Bearer a")), "access") is None


@pytest.mark.parametrize("second", [b"Bearer a", b"Bearer b", b"Basic dTpw"])
def test_two_headers_are_refused(second):
    """Two headers are refused, even equal ones: another reader could use the other one."""
    request = view((b"authorization", b"Bearer a"), (b"authorization", second))
    with pytest.raises(InvalidRequestError):
        BearerHeader().read_token(request, "access")


@pytest.mark.parametrize(
    ("values", "token"),
    [
        ([], None),
        (["Bearer a.b.c"], b"a.b.c"),
        ([b"bearer a.b.c"], b"a.b.c"),
        (["Basic dTpw"], None),
        (["Bearer \ud800"], b"?"),
    ],
)
def test_the_token_in_values_outside_of_http(values, token):
    """As in a request, from text or bytes."""
    assert BearerHeader().token_in(iter(values)) == token


def test_two_values_outside_of_http_are_refused():
    """Even equal ones."""
    with pytest.raises(InvalidRequestError):
        BearerHeader().token_in(["Bearer a", "Bearer a"])


@pytest.mark.parametrize("values", ["Bearer a", b"Bearer b", [5], ["Bearer a", None]])
def test_values_of_another_type_are_a_mistake(values):
    """One value instead of all, and anything that is neither text nor bytes."""
    with pytest.raises(TypeError):
        BearerHeader().token_in(values)


def test_header_and_scheme_can_be_named():
    """Header and scheme can be changed, for example behind a gateway that uses Authorization."""
    carrier = BearerHeader(name="X-Service-Token", scheme="JWT")
    assert carrier.read_token(view((b"x-service-token", b"jwt a")), "access") == b"a"
    assert carrier.read_token(view((b"authorization", b"Bearer a")), "access") is None


@pytest.mark.parametrize("scheme", ["a.c", "a|b", "[abc]", "a$"])
def test_a_scheme_is_no_pattern(scheme):
    """Special characters of regular expressions have no meaning in a scheme."""
    carrier = BearerHeader(scheme=scheme)
    request = view((b"authorization", scheme.upper().encode() + b" t"))
    assert carrier.read_token(request, "access") == b"t"
    assert carrier.read_token(view((b"authorization", b"abc t")), "access") is None


def test_the_header_is_read_from_a_socket_too():
    """The header is read from WebSocket handshakes too, and for every token type."""
    request = socket((b"authorization", b"Bearer a"))
    assert BearerHeader().read_token(request, "access") == b"a"
    assert BearerHeader().read_token(request, "refresh") == b"a"


@pytest.mark.parametrize(
    ("text", "token"),
    [
        (b"access_token=a.b.c", b"a.b.c"),
        (b"x=1&access_token=a.b.c&y=", b"a.b.c"),
        (b"access_token=a%2Eb%2ec", b"a.b.c"),
        (b"access%5Ftoken=a.b.c", b"a.b.c"),
        (b"access_token=a+b%20c", b"a b c"),
        (b"access_token=\xff%FE%00", b"\xff\xfe\x00"),
        (b"access_token=%zz", b"%zz"),
        (b"access_token=", b""),
        (b"access_token", b""),
    ],
)
def test_a_token_in_the_query_is_decoded_once(text, token):
    """The value is decoded once, whatever its bytes; an empty token is invalid but not absent."""
    assert query(text) == token


@pytest.mark.parametrize(
    "text", [b"", b"Access_Token=a", b"access_token2=a", b"token=access_token=a", b"=a", b"%"]
)
def test_another_parameter_is_no_token(text):
    """The name of the parameter must match exactly."""
    assert query(text) is None


@pytest.mark.parametrize("second", [b"access_token=a", b"access%5ftoken=a", b"access_token"])
def test_a_token_twice_in_the_query_is_refused(second):
    """The parameter twice is refused, in any encoding."""
    with pytest.raises(InvalidRequestError):
        query(b"access_token=a&" + second)


def test_the_parameter_can_be_named():
    """The parameter can be renamed, and is read from WebSocket handshakes too."""
    assert query(b"t=a", name="t") == b"a"
    assert query(b"access_token=a", name="t") is None
    assert QueryCarrier().read_token(socket(query_string=b"access_token=a"), "access") == b"a"


async def test_a_twice_encoded_token_is_no_token_of_ours(engine):
    """A token that is encoded twice is decoded only once."""
    authenticator = Authenticator(engine, carriers=[QueryCarrier()])
    token = await engine.issue("alice")
    once, twice = token.replace(".", "%2E"), token.replace(".", "%252E")
    good = view(query_string=f"access_token={once}".encode())
    assert (await authenticator.authenticate(good, Requirement())).sub == "alice"
    with pytest.raises(InvalidTokenError):
        await authenticator.authenticate(
            view(query_string=f"access_token={twice}".encode()), Requirement()
        )


@pytest.mark.parametrize(
    ("values", "token"),
    [
        ([b"bearer, a.b.c"], b"a.b.c"),
        ([b"bearer,a.b.c"], b"a.b.c"),
        ([b" bearer\t,\ta.b.c "], b"a.b.c"),
        ([b"chat, bearer, a.b.c, v2"], b"a.b.c"),
        ([b"bearer", b"a.b.c"], b"a.b.c"),
        ([b"chat", b"bearer, a.b.c"], b"a.b.c"),
        ([b"bearer, \xff\x00"], b"\xff\x00"),
        ([b"bearer, a%2Eb"], b"a%2Eb"),
        ([b"bearer"], b""),
        ([b"bearer,"], b""),
        ([b"bearer,,a.b.c"], b""),
        ([b"chat, bearer"], b""),
    ],
    ids=repr,
)
def test_the_token_is_the_subprotocol_after_the_marker(values, token):
    """RFC 6455 §11.3.4: in one or several headers; an empty token is invalid but not absent."""
    assert offered(*values) == token


@pytest.mark.parametrize(
    "values",
    [
        [],
        [b""],
        [b"chat"],
        [b"a.b.c"],
        [b"Bearer, a"],
        [b"bearer a"],
        [b"xbearer, a"],
        [b"a;bearer"],
    ],
    ids=repr,
)
def test_without_the_marker_no_subprotocol_is_a_token(values):
    """The marker is exact: subprotocols are case-sensitive (RFC 6455 §4.1)."""
    assert offered(*values) is None


@pytest.mark.parametrize(
    "values",
    [
        [b"bearer, a, bearer, b"],
        [b"bearer, a, bearer, a"],
        [b"bearer, a", b"bearer, b"],
        [b"bearer, bearer"],
        [b"bearer, a, bearer"],
    ],
    ids=repr,
)
def test_two_markers_are_refused(values):
    """Two markers are refused, because the second announces a second token."""
    with pytest.raises(InvalidRequestError):
        offered(*values)


def test_a_request_has_no_subprotocol():
    """An ordinary request has no subprotocols, whatever headers it sends."""
    headers = (b"sec-websocket-protocol", b"bearer, a"), (b"upgrade", b"websocket")
    assert WebSocketProtocolCarrier().read_token(view(*headers), "access") is None


def test_the_marker_can_be_named():
    """The marker can be renamed, for clients that already use another one."""
    assert offered(b"bearer, a, token, b", marker="token") == b"b"


SECURITY_SCHEMES = [
    (BearerHeader(), {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
    (
        BearerHeader(name="AUTHORIZATION", scheme="JWT"),
        {"type": "http", "scheme": "jwt", "bearerFormat": "JWT"},
    ),
    (BearerHeader(name="X-Token"), {"type": "apiKey", "in": "header", "name": "X-Token"}),
    (QueryCarrier(), {"type": "apiKey", "in": "query", "name": "access_token"}),
    (QueryCarrier(name="t"), {"type": "apiKey", "in": "query", "name": "t"}),
    (
        WebSocketProtocolCarrier(),
        {"type": "apiKey", "in": "header", "name": "Sec-WebSocket-Protocol"},
    ),
    (HeaderCarrier("X-Assertion"), {"type": "apiKey", "in": "header", "name": "X-Assertion"}),
    (ProxyCookieCarrier("CF_A"), {"type": "apiKey", "in": "cookie", "name": "CF_A"}),
]


@pytest.mark.parametrize(
    ("carrier", "said"),
    SECURITY_SCHEMES,
    ids=[
        "bearer",
        "other scheme",
        "other header",
        "query",
        "other parameter",
        "socket",
        "plain header",
        "proxy cookie",
    ],
)
def test_each_carrier_says_what_it_is_to_openapi(carrier, said):
    """OpenAPI 3.1 §4.8.27: "http" is the Authorization header, everything else an "apiKey"."""
    assert carrier.security_scheme == said


def test_each_carrier_has_the_scheme_of_its_challenge():
    """Each carrier has the scheme of its challenge: the configured one, or that of RFC 6750."""
    assert BearerHeader(scheme="JWT").scheme == "JWT"
    assert QueryCarrier().scheme == WebSocketProtocolCarrier().scheme == "Bearer"
    assert HeaderCarrier("X-A").scheme == ProxyCookieCarrier("CF_A").scheme == "Bearer"


@pytest.mark.parametrize("text", ["", "a b", "é", " a", "a\n", "a\tb"])
@pytest.mark.parametrize(
    "build",
    [
        lambda text: BearerHeader(name=text),
        lambda text: BearerHeader(scheme=text),
        lambda text: QueryCarrier(name=text),
        lambda text: WebSocketProtocolCarrier(marker=text),
        HeaderCarrier,
        ProxyCookieCarrier,
    ],
    ids=["header", "scheme", "parameter", "marker", "plain header", "proxy cookie"],
)
def test_the_names_of_a_carrier_are_words(build, text):
    """A name that could never match is refused at once."""
    with pytest.raises(ConfigurationError):
        build(text)


def test_a_marker_is_one_subprotocol():
    """A marker with a comma would be two subprotocols."""
    with pytest.raises(ConfigurationError, match="one subprotocol"):
        WebSocketProtocolCarrier(marker="bearer,token")


def test_the_password_flow_in_openapi():
    """OpenAPI 3.1 §4.8.29: the URL and the scopes with their descriptions, and nothing else."""
    scopes = {"orders:read": "Read orders"}
    carrier = BearerHeader(token_url="/token", scopes=scopes)
    flow = {"tokenUrl": "/token", "scopes": {"orders:read": "Read orders"}}

    assert carrier.security_scheme == {"type": "oauth2", "flows": {"password": flow}}
    assert BearerHeader(token_url="token").security_scheme == {
        "type": "oauth2",
        "flows": {"password": {"tokenUrl": "token", "scopes": {}}},
    }

    scopes["admin"] = "Added later"
    assert flow["scopes"] == carrier.security_scheme["flows"]["password"]["scopes"]


def test_the_password_flow_changes_only_openapi():
    """The carrier reads the same header, whether or not OpenAPI has the password flow."""
    carrier = BearerHeader(token_url="/token")

    assert carrier.scheme == "Bearer"
    assert carrier.read_token(view((b"authorization", b"bearer a.b.c")), "access") == b"a.b.c"


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"token_url": ""}, ConfigurationError, "token_url must be a URL"),
        ({"token_url": "/my token"}, ConfigurationError, "token_url must be a URL"),
        ({"token_url": "/token\n"}, ConfigurationError, "token_url must be a URL"),
        ({"token_url": b"/token"}, ConfigurationError, "token_url must be a URL"),
        ({"scopes": {"a": "A"}}, ConfigurationError, "pass token_url as well"),
        ({"scopes": {}}, ConfigurationError, "pass token_url as well"),
        (
            {"token_url": "/t", "scopes": ["a"]},
            ConfigurationError,
            "of the type list: write scopes={",
        ),
        ({"token_url": "/t", "scopes": "a"}, ConfigurationError, "must be a dict"),
        ({"token_url": "/t", "scopes": {"a b": ""}}, ConfigurationError, "scope"),
        ({"token_url": "/t", "scopes": {"a": None}}, ConfigurationError, "must be text"),
        ({"token_url": "/t", "scopes": {1: "A"}}, TypeError, "must be text"),
        ({"token_url": "/t", "name": "X-Token"}, ConfigurationError, "omit name"),
        ({"token_url": "/t", "scheme": "JWT"}, ConfigurationError, "omit name"),
    ],
)
def test_a_password_flow_that_cannot_work_is_refused(arguments, error, said):
    """The error names the argument and the fix."""
    with pytest.raises(error, match=said):
        BearerHeader(**arguments)


class TrailerCarrier:
    """A user's carrier: it has the three members, without a base class of ours."""

    scheme = "Trailer"
    security_scheme = {"type": "apiKey", "in": "header", "name": "X-Trailer"}  # noqa: RUF012

    def __init__(self):
        """Record the requested types."""
        self.asked = []

    def read_token(self, request, type):
        self.asked.append(type)
        values = request.header_values(b"x-trailer")
        return values[0] if values else None


async def test_a_carrier_of_ones_own_works(clock):
    """A user's carrier only needs the protocol: for access, for refreshing and in the challenge."""
    engine, own = engine_with(clock), TrailerCarrier()
    authenticator = Authenticator(engine, carriers=[own, BearerHeader()])
    pair = await engine.issue_pair("alice")
    request = view((b"x-trailer", pair.access_token.encode()), method="POST")
    assert (await authenticator.authenticate(request, Requirement())).sub == "alice"
    traded = view((b"x-trailer", pair.refresh_token.encode()), method="POST")
    assert await engine.decode((await authenticator.refresh(traded)).access_token)
    assert own.asked == ["access", "refresh"]
    said = authenticator.refusal(MissingTokenError()).headers["WWW-Authenticate"]
    assert said == 'Trailer realm="api"'
