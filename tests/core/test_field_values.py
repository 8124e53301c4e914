"""Finding one field is cheap, however many other fields a client sends."""

import sys
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus, unquote_to_bytes

import pytest

from tests.core.http_requests import form, socket, view
from tokenward import BearerHeader, CookieCarrier, KeyPublisher, KeyRing
from tokenward.errors import InvalidRequestError
from tokenward.http import QueryCarrier, RequestView, WebSocketProtocolCarrier
from tokenward.http.field_values import list_item_ends, urlencoded_values

HEADER, FORM = 65_536, 262_144
FIELDS = {
    "separators": b"&",
    "percent signs": b"%",
    "plus signs": b"+",
    "short names": b"a&",
    "escaped names": b"%63&",
    "almost the name": b"csrf_toke&",
    "the name": b"csrf_token&",
    "the name and an escape": b"csrf_token=%41&",
    "the name, escaped": b"csrf%5Ftoken=&",
    "the name, then percent signs": b"%",
    "the name, then escapes": b"%41",
}
COOKIES = {
    "separators": b";",
    "separators and spaces": b" ;\t",
    "equals signs": b"=",
    "short names": b"a=1; ",
    "almost the name": b"__Host-access_toke;",
    "the name": b"__Host-access_token;",
    "the name, then spaces": b"__Host-access_token ",
}
PROTOCOLS = {
    "separators": b",",
    "separators and spaces": b" , ",
    "words": b"chat,",
    "the marker": b"bearer,",
    "the marker, then spaces": b"bearer ",
}


def filled(piece: bytes, length: int, begin: bytes = b"") -> bytes:
    """Repeat a piece up to a length."""
    return (begin + piece * (length // len(piece)))[:length]


def is_cheap(read: Callable[[], object]) -> bool:
    """Whether reading takes few Python steps, and little time in the best of five runs."""
    steps, spent = 0, []

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    for _ in range(5):
        begin = time.process_time()
        read()
        spent.append(time.process_time() - begin)
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read()
    finally:
        sys.setprofile(before)
    # A slow machine takes a few milliseconds; one step per field would take hundreds.
    return steps < 10_000 and min(spent) < 0.025


def finished(coroutine) -> list[bytes]:
    """Run a coroutine that never suspends."""
    with pytest.raises(StopIteration) as caught:
        coroutine.send(None)
    return caught.value.value


@pytest.mark.parametrize("piece", FIELDS)
def test_a_form_of_256_kib_costs_little(piece):
    """A form is searched for one field, not split into all fields."""
    body = filled(FIELDS[piece], FORM, b"csrf_token=" if "then" in piece else b"")
    assert is_cheap(lambda: finished(form(body).form_values(b"csrf_token")))


@pytest.mark.parametrize("piece", FIELDS)
def test_a_query_of_64_kib_costs_little(piece):
    """A query is searched like a form."""
    query = filled(FIELDS[piece], HEADER, b"csrf_token=" if "then" in piece else b"")
    carrier = QueryCarrier(name="csrf_token")

    def read() -> None:
        try:
            carrier.read_token(view(query_string=query), "access")
        except InvalidRequestError:
            assert query.count(b"token") > 1

    assert is_cheap(read)


@pytest.mark.parametrize("begin", [b"", b"__Host-access_token=a;"])
@pytest.mark.parametrize("piece", COOKIES)
def test_a_cookie_header_of_64_kib_costs_little(piece, begin):
    """Other cookies are not split."""
    header = (b"cookie", filled(COOKIES[piece], HEADER, begin))
    assert is_cheap(lambda: view(header).cookie_values(b"__Host-access_token"))


@pytest.mark.parametrize("begin", [b"", b"bearer,"])
@pytest.mark.parametrize("piece", PROTOCOLS)
def test_a_list_of_subprotocols_of_64_kib_costs_little(piece, begin):
    """Other subprotocols are not split."""
    offered = filled(PROTOCOLS[piece], HEADER, begin)
    carrier = WebSocketProtocolCarrier()

    def read() -> None:
        try:
            carrier.read_token(socket((b"sec-websocket-protocol", offered)), "access")
        except InvalidRequestError:
            assert offered.count(b"bearer") > 1

    assert is_cheap(read)


@pytest.mark.parametrize("piece", [b",", b'"a",', b'W/"a" , ', b"*,"])
def test_a_list_of_entity_tags_of_64_kib_costs_little(piece):
    """Other entity tags are not split."""
    publisher = KeyPublisher(KeyRing.generate("EdDSA"))
    tags = (b"if-none-match", filled(piece, HEADER))
    path = next(iter(publisher.paths))
    assert is_cheap(lambda: publisher.respond(view(tags), path))


@pytest.mark.parametrize("piece", [b"a.", b"a", b"localhost", b"."])
def test_a_host_of_64_kib_costs_little(piece):
    """Checking the Host header in development is cheap."""
    carrier = CookieCarrier(development=True)
    headers = (b"host", filled(piece, HEADER)), (b"cookie", b"access_token=a")
    assert is_cheap(lambda: carrier.read_token(view(*headers), "access"))
    assert carrier.read_token(view(*headers), "access") is None


@pytest.mark.parametrize("piece", [b" ", b"Bearer ", b"a"])
def test_a_bearer_header_of_64_kib_costs_little(piece):
    """A long Authorization header is cheap too."""
    header = (b"authorization", filled(piece, HEADER, b"Bearer "))
    assert is_cheap(lambda: BearerHeader().read_token(view(header), "access"))


def test_a_host_that_ends_too_late_is_not_this_machine():
    """A name that is longer than any host is refused, whatever its end."""
    carrier, cookie = CookieCarrier(development=True), (b"cookie", b"access_token=a")

    def is_read(host: bytes) -> bool:
        return carrier.read_token(view((b"host", host), cookie), "access") is not None

    assert is_read(b"a." * 121 + b"localhost:65535")
    assert not is_read(b"a." * 126 + b"localhost:65535")
    assert not is_read(b"a." * 126 + b"localhost" + b".evil.example")


async def values_of(data: bytes) -> list[bytes]:
    """Read a field from a query and from a form; the results must be equal."""
    request: RequestView = form(data)
    found = await request.form_values(b"a")
    assert view(query_string=data).query_values(b"a") == found
    return found


async def test_values_are_decoded_up_to_a_bound():
    """Up to 4,096 escapes and 16 values are decoded; more are returned as sent."""
    assert await values_of(b"a=" + b"%41" * 4096) == [b"A" * 4096]
    assert await values_of(b"a=" + b"%41" * 4097) == [b"%41" * 4097]
    assert await values_of(b"a=" + b"%41" * 4096 + b"&a=%41") == [b"%41" * 4096, b"%41"]
    assert await values_of(b"a=%41&" * 16) == [b"A"] * 16
    assert await values_of(b"a=%41&" * 17) == [b"%41"] * 17
    assert await values_of(b"b=%41&" * 17 + b"a=%41") == [b"A"]


def test_two_ends_of_an_item_are_enough():
    """A third is not searched for: two are refused already."""
    assert list_item_ends(b"a,b, a ,a", b"a") == [1, 7]


def test_only_spaces_and_tabs_around_a_cookie_are_removed():
    """Other white space is a part of the value (RFC 6265 §5.2)."""
    assert view((b"cookie", b"a= \t\x0bb\x0c\t ; c")).cookie_values(b"a") == [b"\x0bb\x0c"]


@pytest.mark.parametrize("name", [b" ", b"+", b"%", b"a b", b"a+b", b"a%b", b"%41", b"%4"])
def test_a_name_is_found_in_every_encoding(name):
    """Also a name with the characters that encode others; as sent, only if it decodes to itself."""
    for written in (quote(name), quote_plus(name), "".join(f"%{byte:02X}" for byte in name)):
        assert urlencoded_values(written.encode() + b"=1", name) == [b"1"]
        assert urlencoded_values(written.lower().encode() + b"=1", name) == [b"1"]
    decodes_to_itself = unquote_to_bytes(name.replace(b"+", b" ")) == name
    assert urlencoded_values(name + b"=1", name) == [b"1"] * decodes_to_itself
    assert urlencoded_values(b"a" + name + b"=1&" + name + b"a=1", name) == []
