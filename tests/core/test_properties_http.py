"""Properties of HTTP that hold for every possible request."""

import asyncio
from urllib.parse import parse_qsl, quote_from_bytes

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.core.browser import attributes_of
from tests.core.http_requests import FORM, form, socket, view
from tests.support import FrozenClock, engine_with
from tokenward import (
    BearerHeader,
    Claims,
    ConfigurationError,
    CookieCarrier,
    CsrfCheck,
    MemoryStore,
    TokenError,
    TokenPair,
)
from tokenward.errors import CsrfError, CsrfMismatchError, OriginNotAllowedError
from tokenward.http import Authenticator, QueryCarrier, Requirement, WebSocketProtocolCarrier
from tokenward.stores import Consumed

pytestmark = pytest.mark.no_cover


class Forgetful(MemoryStore):
    """A store in which reuse revokes nothing, so that the session stays valid for all examples."""

    async def consume(self, consumption, *, now):
        return Consumed(is_first=True)


ENGINE = engine_with(FrozenClock(), store=Forgetful())
TYPES = ("access", "refresh")
PAIR = asyncio.run(ENGINE.issue_pair("alice"))
CSRF = PAIR.csrf_token.encode()
AUTHENTICATORS = [
    Authenticator(
        ENGINE,
        carriers=[
            BearerHeader(),
            QueryCarrier(),
            WebSocketProtocolCarrier(),
            CookieCarrier(development=development, csrf=CsrfCheck(allowed_origins=["https://a.b"])),
        ],
    )
    for development in (False, True)
]


@pytest.fixture(scope="module")
def run():
    """Return a function that runs a coroutine; all examples share one loop."""
    with asyncio.Runner() as runner:
        yield runner.run


# Fragments with a meaning in requests, so that more examples get past the first check.
WORDS = st.sampled_from(
    [
        *(PAIR.access_token.encode(), PAIR.refresh_token.encode(), CSRF, b"alice", b"a.b.c"),
        *(b"Bearer ", b"bearer", b"Basic ", b"access_token", b"csrf_token", b"__Host-access_token"),
        *(
            b"__Secure-refresh_token",
            b"refresh_token",
            b"=",
            b";",
            b"; ",
            b",",
            b", ",
            b"&",
            b"%",
            b"+",
        ),
        *(
            b"%00",
            b"%ff",
            b'"',
            b" ",
            b"\t",
            b"\r\n",
            b"\x00",
            b"\xff",
            b"https://",
            b"http://",
            b"a.b",
        ),
        *(
            b"null",
            b"same-origin",
            b"none",
            b"cross-site",
            b"localhost",
            FORM,
            b"17",
            b"-1",
            b"\xb2",
        ),
    ]
)
NAMES = st.sampled_from(
    [
        *(b"authorization", b"cookie", b"cookie", b"sec-websocket-protocol", b"x-csrf-token"),
        *(b"origin", b"host", b"sec-fetch-site", b"content-type", b"content-length"),
    ]
)
VALUES = st.lists(WORDS | st.binary(max_size=6), max_size=6).map(b"".join)
# Valid parts of requests, to which the arbitrary parts are added.
GOOD = st.sampled_from(
    [
        [],
        [(b"authorization", b"Bearer " + PAIR.access_token.encode())],
        [(b"host", b"localhost"), (b"cookie", b"access_token=" + PAIR.access_token.encode())],
        [(b"cookie", b"__Host-access_token=" + PAIR.access_token.encode())],
        [(b"cookie", b"__Secure-refresh_token=" + PAIR.refresh_token.encode())],
        [(b"content-type", FORM), (b"content-length", b"17")],
    ]
)
METHODS = st.sampled_from(["GET", "POST", "get", "", "\xff"])


@st.composite
def requests(draw):
    """Draw a request or a WebSocket handshake of arbitrary bytes."""
    headers = draw(GOOD) + draw(st.lists(st.tuples(NAMES, VALUES), max_size=6))
    query = draw(VALUES)
    if draw(st.booleans()):
        return socket(*headers, query_string=query)
    return view(*headers, query_string=query, method=draw(METHODS), body=draw(VALUES))


@given(requests(), st.sampled_from(AUTHENTICATORS), st.sampled_from(TYPES), st.booleans())
def test_any_request_raises_only_token_errors(run, request_, judge, type, optional):
    """Arbitrary requests are accepted or refused with a TokenError that has a response."""
    requirement = Requirement(type=type, optional=optional)
    for question in (judge.authenticate(request_, requirement), judge.refresh(request_)):
        try:
            run(question)
        except TokenError as error:
            refusal = judge.refusal(error)
            assert refusal.status in {400, 401, 403}
            assert all(each.isascii() and each.isprintable() for each in refusal.headers.values())


TOKENS = st.text("ABCxyz019-_.", min_size=1, max_size=60)
CONFIGURED = st.text(max_size=6) | st.sampled_from(
    ["a", "__Host-a", "__Secure-a", "__host-", "/", "/a", "shop.example", "a; Path=/", "a\r\nb: c"]
)


@given(TOKENS, TOKENS, st.booleans(), st.lists(st.binary(max_size=8), max_size=4))
def test_a_rendered_cookie_read_back_gives_the_token(access, refresh, development, others):
    """A rendered cookie is read back among arbitrary other cookies."""
    carrier = CookieCarrier(development=development)
    cookies = carrier.set_cookies(TokenPair(access, refresh, 900, csrf_token="0"))
    crumbs = [cookie.partition(";")[0].encode() for cookie in cookies]
    for crumb in crumbs:
        assume(not any(crumb.partition(b"=")[0] in other for other in others))
    for header in (b";".join([*others, *crumbs]), b"; ".join([*crumbs, *others])):
        request = view((b"host", b"localhost:1"), (b"cookie", header))
        assert carrier.read_token(request, "access") == access.encode()
        assert carrier.read_token(request, "refresh") == refresh.encode()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("access_name", "refresh_name", "csrf_name"), CONFIGURED),
            **dict.fromkeys(("refresh_path", "domain"), CONFIGURED),
            "same_site": st.sampled_from(["Lax", "Strict", "None"]),
            "development": st.booleans(),
        },
    ),
    TOKENS | st.text(max_size=6),
)
def test_a_rendered_cookie_has_only_the_intended_attributes(options, token):
    """Arbitrary settings and pairs give one line with the intended attributes, or an error."""
    pair = TokenPair(token, "r", 900, refresh_expires_in=60, csrf_token="0")
    try:
        carrier = CookieCarrier(**options)
        cookies = carrier.set_cookies(pair)
    except ConfigurationError:
        return
    meant = {"max-age", "path", "samesite"}
    meant |= set() if carrier.development else {"secure"}
    meant |= set() if carrier.domain is None else {"domain"}
    for cookie, value, hidden in zip(
        cookies, (token, "r", "0"), ({"httponly"}, {"httponly"}, set()), strict=True
    ):
        assert cookie.isascii()
        assert cookie.isprintable()
        assert attributes_of(cookie).keys() == meant | hidden
        assert cookie.partition(";")[0].partition("=")[2] == value
    assert len({cookie.partition("=")[0] for cookie in cookies}) == 3


@given(st.data())
def test_a_csrf_token_that_differs_in_any_byte_is_refused(run, data):
    """A CSRF token with any changed, added or removed byte is refused, in header and form."""
    place, byte = data.draw(st.integers(0, len(CSRF) - 1)), data.draw(st.binary(max_size=2))
    wrong = data.draw(
        st.sampled_from(
            [
                CSRF[:place] + byte + CSRF[place + 1 :],
                CSRF[:place] + byte + CSRF[place:],
                CSRF + byte,
                CSRF[:place],
                byte,
            ]
        )
    )
    assume(wrong != CSRF)
    check, claims = CsrfCheck(), Claims(csrf=CSRF.decode())
    by_header = view((b"x-csrf-token", wrong), method="POST")
    by_form = form(b"csrf_token=" + quote_from_bytes(wrong).encode())
    for request in (by_header, by_form):
        with pytest.raises(CsrfMismatchError):
            run(check.check(request, claims, is_secure=True))


@given(st.lists(WORDS | st.binary(max_size=4), max_size=4).map(b"".join), st.booleans())
@example(b"https://shop.example", False)
@example(b"https://a.b", True)
def test_an_origin_is_the_own_an_allowed_one_or_refused(run, origin, is_socket):
    """An origin is accepted only if it equals the own or an allowed one."""
    headers = (b"host", b"shop.example"), (b"origin", origin)
    request = socket(*headers) if is_socket else view(*headers, method="POST")
    check = CsrfCheck(allowed_origins=["https://a.b"])
    try:
        run(check.check(request, Claims(csrf="0"), is_secure=True))
    except OriginNotAllowedError:
        allowed = False
    except CsrfError:
        allowed = True
    else:
        allowed = is_socket
    assert allowed == (origin in {b"https://shop.example", b"https://a.b"})


@given(
    st.lists(
        st.sampled_from([b"a", b"b", b"=", b"&", b"+", b"%", b"%4", b"%41", b"%61", b"%fF", b";"])
        | st.binary(max_size=3),
        max_size=12,
    ).map(b"".join)
)
@example(b"a=1&a=%&a=%%41&a=%2B+&%61=x")
def test_forms_are_read_as_the_standard_library_reads_them(run, body):
    """Every field of every body is parsed as by the standard library, in latin-1."""
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    for name in {name for name, _ in pairs if name} | {"a"}:
        expected = [value.encode("latin-1") for key, value in pairs if key == name]
        key = name.encode("latin-1")
        assert run(form(body).form_values(key)) == expected
        assert view(query_string=body).query_values(key) == expected
