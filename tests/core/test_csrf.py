"""A request with a cookie needs the CSRF token of its session."""

import pytest

from tests.core.http_requests import FORM, form, socket, view
from tokenward import Claims, ConfigurationError, CsrfCheck
from tokenward.errors import CsrfMismatchError, CsrfMissingError, OriginNotAllowedError
from tokenward.http import RequestView

CLAIMS = Claims(csrf="0123abcd")
GOOD = b"0123abcd"
SAME = (b"sec-fetch-site", b"same-origin")


async def check(request: RequestView, claims: Claims = CLAIMS, **options) -> None:
    """Check a request of a service that is reached over https."""
    await CsrfCheck(**options).check(request, claims, is_secure=True)


def post(*headers: tuple[bytes, bytes], method: str = "POST") -> RequestView:
    """Return an unsafe request from a page of the service itself."""
    return view(SAME, *headers, method=method)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "QUERY"]
)
async def test_a_method_that_is_not_safe_repeats_the_claim(method):
    """The right value passes; no value and another value are refused, with different errors."""
    await check(post((b"x-csrf-token", GOOD), method=method))
    with pytest.raises(CsrfMissingError):
        await check(post(method=method))
    with pytest.raises(CsrfMismatchError):
        await check(post((b"x-csrf-token", b"another"), method=method))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
async def test_a_safe_method_needs_nothing(method):
    """A safe method passes from any page (RFC 9110 §9.2.1): a link to the service is no attack."""
    assert CsrfCheck().header_for(method) is None
    await check(view(method=method))
    await check(view((b"origin", b"https://evil.example"), method=method))
    await check(view((b"sec-fetch-site", b"cross-site"), (b"x-csrf-token", b"x"), method=method))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
async def test_a_safe_method_is_checked_where_it_is_not_trusted(method):
    """If safe methods are not trusted, they need the origin and the CSRF token too."""

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
    """A request without a method is not assumed to be safe."""
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
    """Other values are refused with the same error, whatever their bytes."""
    with pytest.raises(CsrfMismatchError):
        await check(post((b"x-csrf-token", value)))
    with pytest.raises(CsrfMismatchError):
        await check(form(b"csrf_token=" + value.replace(b"%", b"%25"), SAME))


async def test_a_claim_out_of_ascii_is_compared_in_bytes_too():
    """A csrf claim that is not ASCII is compared as bytes too; another issuer may set one."""
    claims = Claims(csrf="schlüssel")
    await check(post((b"x-csrf-token", "schlüssel".encode())), claims)
    with pytest.raises(CsrfMismatchError):
        await check(post((b"x-csrf-token", "schlüssel".encode("latin-1"))), claims)


@pytest.mark.parametrize("claims", [Claims(), Claims(csrf="")], ids=["none", "empty"])
@pytest.mark.parametrize("value", [b"", b"None", b"null", b"0123abcd"])
async def test_a_token_without_the_claim_is_good_for_safe_methods_alone(claims, value):
    """A token without the csrf claim passes only for safe methods; a missing value is reported first."""
    await check(view(), claims)
    with pytest.raises(CsrfMismatchError):
        await check(post((b"x-csrf-token", value)), claims)
    with pytest.raises(CsrfMismatchError):
        await check(form(b"csrf_token=" + value, SAME), claims)
    with pytest.raises(CsrfMissingError):
        await check(post(), claims)


async def test_the_header_twice_is_refused():
    """Two headers are refused, even if both are right."""
    with pytest.raises(CsrfMismatchError):
        await check(post((b"x-csrf-token", GOOD), (b"x-csrf-token", GOOD)))


async def test_a_cookie_or_a_query_repeats_nothing():
    """A cookie or a query parameter does not count: browsers add cookies, and URLs are logged."""
    cookies = (b"cookie", b"X-CSRF-Token=0123abcd; csrf_token=0123abcd; __Host-csrf_token=0123abcd")
    query = b"csrf_token=0123abcd&X-CSRF-Token=0123abcd"
    with pytest.raises(CsrfMissingError):
        await check(view(SAME, cookies, method="POST", query_string=query))


async def test_a_form_repeats_it_in_a_field():
    """A form field repeats the claim, for pages without scripts; its value is decoded."""
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
    """A field that is sent twice, or is wrong, is refused."""
    with pytest.raises(CsrfMismatchError):
        await check(form(body, SAME))


@pytest.mark.parametrize("body", [b"", b"a=1", b"csrf_token2=0123abcd", b"x=&0123abcd", b"{}"])
async def test_a_form_without_the_field_misses_it(body):
    """A form without the field is reported as missing, not as mismatch."""
    with pytest.raises(CsrfMissingError):
        await check(form(body, SAME))


async def test_the_header_comes_before_the_form():
    """If the header is sent, the form is not read, even if the header is wrong."""
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
    """Other bodies are not read at all; see test_http for the limits."""
    with pytest.raises(CsrfMissingError):
        await check(view(SAME, *headers, method="POST", body=b"csrf_token=0123abcd"))


async def test_header_and_field_can_be_named():
    """Header and field can be renamed; the default names then do not count."""
    named = {"header": "X-Guard", "form_field": "guard"}
    await check(post((b"x-guard", GOOD)), **named)
    await check(form(b"guard=0123abcd", SAME), **named)
    for request in (post((b"x-csrf-token", GOOD)), form(b"csrf_token=0123abcd", SAME)):
        with pytest.raises(CsrfMissingError):
            await check(request, **named)


async def test_the_origin_is_judged_before_the_token():
    """The origin is checked first, so another page does not learn whether its guess was right."""
    for value in (GOOD, b"other"):
        with pytest.raises(OriginNotAllowedError):
            await check(
                view((b"origin", b"https://evil.example"), (b"x-csrf-token", value), method="POST")
            )


async def test_a_socket_repeats_nothing():
    """A handshake needs only the origin, because a page cannot add a header to it."""
    await check(socket(SAME))
    with pytest.raises(OriginNotAllowedError):
        await check(socket((b"x-csrf-token", GOOD)))


@pytest.mark.parametrize("name", ["", " ", "a b", " a", "a\n", "é", None, b"x", 7], ids=repr)
def test_the_names_are_words(name):
    """A name that could never match is refused at once."""
    with pytest.raises(ConfigurationError):
        CsrfCheck(header=name)
    with pytest.raises(ConfigurationError):
        CsrfCheck(form_field=name)
