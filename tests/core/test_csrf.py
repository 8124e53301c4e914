"""What must come beside a cookie: the session's CSRF token."""

import pytest

from tests.core.http_requests import FORM, form, socket, view
from tokenward import Claims, ConfigurationError, CsrfCheck
from tokenward.errors import CsrfMismatchError, CsrfMissingError, OriginNotAllowedError
from tokenward.http import RequestView

CLAIMS = Claims(csrf="0123abcd")
GOOD = b"0123abcd"
SAME = (b"sec-fetch-site", b"same-origin")


async def check(request: RequestView, claims: Claims = CLAIMS, **options) -> None:
    """Check a request of a service that is reached by https."""
    await CsrfCheck(**options).check(request, claims, is_secure=True)


def post(*headers: tuple[bytes, bytes], method: str = "POST") -> RequestView:
    """Make a request that changes something, from a page of the service itself."""
    return view(SAME, *headers, method=method)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "QUERY"]
)
async def test_a_method_that_is_not_safe_repeats_the_claim(method):
    """The right value passes, none and another are refused, each for its own reason."""
    await check(post((b"x-csrf-token", GOOD), method=method))
    with pytest.raises(CsrfMissingError):
        await check(post(method=method))
    with pytest.raises(CsrfMismatchError):
        await check(post((b"x-csrf-token", b"another"), method=method))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
async def test_a_safe_method_needs_nothing(method):
    """RFC 9110 §9.2.1, and wherever it comes from: a link to the service is no attack."""
    await check(view(method=method))
    await check(view((b"origin", b"https://evil.example"), method=method))
    await check(view((b"sec-fetch-site", b"cross-site"), (b"x-csrf-token", b"x"), method=method))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
async def test_a_safe_method_is_checked_where_it_is_not_trusted(method):
    """A request that changes something whatever its method needs the origin and the token."""

    async def check(request):
        await CsrfCheck().check(request, CLAIMS, is_secure=True, trust_safe_methods=False)

    await check(post((b"x-csrf-token", GOOD), method=method))
    with pytest.raises(CsrfMissingError):
        await check(post(method=method))
    with pytest.raises(OriginNotAllowedError):
        await check(
            view((b"sec-fetch-site", b"cross-site"), (b"x-csrf-token", GOOD), method=method)
        )


@pytest.mark.parametrize("method", ["get", "Get", "GET ", " GET", "GETT", ""])
async def test_a_method_is_safe_in_upper_case_alone(method):
    """Methods are case-sensitive (RFC 9110 §9.1): a "get" is not a GET."""
    with pytest.raises(CsrfMissingError):
        await check(post(method=method))


async def test_a_request_without_method_is_not_safe():
    """What is not said is not assumed."""
    with pytest.raises(CsrfMissingError):
        await check(RequestView({"type": "http", "headers": []}))


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"0123abc", b"0123abcd0", b"0123ABCD", b" 0123abcd", b"0123abcd\n", b'"0123abcd"'),
        *(
            b"\xff",
            b"0123abc\xe4",
            "0123abcd\u0661".encode(),
            b"\x00",
            b"0123abcd\x00",
            b"x" * 99_999,
        ),
        *(b"0123abcd,0123abcd", b"0123%61bcd"),
    ],
    ids=lambda value: repr(value[:12]),
)
async def test_another_value_is_refused(value):
    """Compared in bytes and in constant time, so that no byte makes an error of another kind."""
    with pytest.raises(CsrfMismatchError):
        await check(post((b"x-csrf-token", value)))
    with pytest.raises(CsrfMismatchError):
        await check(form(b"csrf_token=" + value.replace(b"%", b"%25"), SAME))


async def test_a_claim_out_of_ascii_is_compared_in_bytes_too():
    """As some other issuer may have set it."""
    claims = Claims(csrf="schlüssel")
    await check(post((b"x-csrf-token", "schlüssel".encode())), claims)
    with pytest.raises(CsrfMismatchError):
        await check(post((b"x-csrf-token", "schlüssel".encode("latin-1"))), claims)


@pytest.mark.parametrize("claims", [Claims(), Claims(csrf="")], ids=["none", "empty"])
@pytest.mark.parametrize("value", [b"", b"None", b"null", b"0123abcd"])
async def test_a_token_without_the_claim_is_good_for_safe_methods_alone(claims, value):
    """Nothing is what repeats nothing; that none was sent is still said first."""
    await check(view(), claims)
    with pytest.raises(CsrfMismatchError):
        await check(post((b"x-csrf-token", value)), claims)
    with pytest.raises(CsrfMismatchError):
        await check(form(b"csrf_token=" + value, SAME), claims)
    with pytest.raises(CsrfMissingError):
        await check(post(), claims)


async def test_the_header_twice_is_refused():
    """Also where both are right."""
    with pytest.raises(CsrfMismatchError):
        await check(post((b"x-csrf-token", GOOD), (b"x-csrf-token", GOOD)))


async def test_a_cookie_or_a_query_repeats_nothing():
    """What the browser adds by itself is what the check is about, and addresses are seen by many."""
    cookies = (b"cookie", b"X-CSRF-Token=0123abcd; csrf_token=0123abcd; __Host-csrf_token=0123abcd")
    query = b"csrf_token=0123abcd&X-CSRF-Token=0123abcd"
    with pytest.raises(CsrfMissingError):
        await check(view(SAME, cookies, method="POST", query_string=query))


async def test_a_form_repeats_it_in_a_field():
    """For pages without scripts; its value is decoded as forms are."""
    await check(form(b"a=1&csrf_token=0123abcd&b=2", SAME))
    await check(form(b"csrf%5Ftoken=0123%61bcd", SAME))
    with pytest.raises(CsrfMismatchError):
        await check(form(b"csrf_token=other", SAME))


@pytest.mark.parametrize(
    "body",
    [
        b"csrf_token=0123abcd&csrf_token=0123abcd",
        b"csrf_token=0123abcd&csrf_token=",
        b"csrf_token&csrf%5ftoken=0123abcd",
        b"csrf_token",
        b"csrf_token=0123%zzbcd",
        b"csrf_token=0123+abcd",
    ],
)
async def test_a_field_twice_or_wrong_is_refused(body):
    """Also where one is right."""
    with pytest.raises(CsrfMismatchError):
        await check(form(body, SAME))


@pytest.mark.parametrize("body", [b"", b"a=1", b"csrf_token2=0123abcd", b"x=&0123abcd", b"{}"])
async def test_a_form_without_the_field_misses_it(body):
    """That is not the same as a wrong one."""
    with pytest.raises(CsrfMissingError):
        await check(form(body, SAME))


async def test_the_header_comes_before_the_form():
    """A form is not read where there is a header, and does not mend a wrong one."""
    read = []

    async def body():
        read.append(True)
        return b"csrf_token=0123abcd"

    def request(value):
        headers = [SAME, (b"content-type", FORM), (b"content-length", b"19")]
        headers.append((b"x-csrf-token", value))
        return RequestView({"type": "http", "method": "POST", "headers": headers}, body)

    await check(request(GOOD))
    for wrong in (b"other", b""):
        with pytest.raises(CsrfMismatchError):
            await check(request(wrong))
    assert read == []


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", FORM)],
        [(b"content-type", FORM), (b"content-length", b"19"), (b"content-length", b"19")],
        [(b"content-type", FORM), (b"content-length", b"262145")],
        [(b"content-type", FORM), (b"content-length", b"9" * 40)],
        [(b"content-type", FORM), (b"content-length", b"nineteen")],
        [(b"content-type", b"text/plain"), (b"content-length", b"19")],
        [(b"content-type", b"application/json"), (b"content-length", b"19")],
        [(b"content-length", b"19")],
    ],
    ids=["no length", "two", "long", "huge", "no number", "text", "json", "no type"],
)
async def test_a_body_that_is_no_short_form_repeats_nothing(headers):
    """It is not read at all; see test_http for every limit."""
    with pytest.raises(CsrfMissingError):
        await check(view(SAME, *headers, method="POST", body=b"csrf_token=0123abcd"))


async def test_header_and_field_can_be_named():
    """And the default ones then repeat nothing."""
    named = {"header": "X-Guard", "form_field": "guard"}
    await check(post((b"x-guard", GOOD)), **named)
    await check(form(b"guard=0123abcd", SAME), **named)
    for request in (post((b"x-csrf-token", GOOD)), form(b"csrf_token=0123abcd", SAME)):
        with pytest.raises(CsrfMissingError):
            await check(request, **named)


async def test_the_origin_is_judged_before_the_token():
    """A page elsewhere is not told whether it guessed right."""
    for value in (GOOD, b"other"):
        with pytest.raises(OriginNotAllowedError):
            await check(
                view((b"origin", b"https://evil.example"), (b"x-csrf-token", value), method="POST")
            )


async def test_a_socket_repeats_nothing():
    """A page cannot add a header to a handshake: the origin alone decides."""
    await check(socket(SAME))
    with pytest.raises(OriginNotAllowedError):
        await check(socket((b"x-csrf-token", GOOD)))


@pytest.mark.parametrize("name", ["", " ", "a b", " a", "a\n", "é", None, b"x", 7], ids=repr)
def test_the_names_are_words(name):
    """What could never match is refused when built."""
    with pytest.raises(ConfigurationError):
        CsrfCheck(header=name)
    with pytest.raises(ConfigurationError):
        CsrfCheck(form_field=name)
