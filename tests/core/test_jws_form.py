"""The form of a token: its segments, characters and length are checked before the signature."""

import json

import pytest

from tests.core import jws_tokens
from tests.core.jws_tokens import (
    BODY,
    DEFAULT_LIMIT,
    GOOD,
    HEAD,
    KEY,
    PAYLOAD,
    SIGNATURE,
    jws_of,
    refused,
    segment,
)
from tests.support import signed
from tokenward import KeyRing
from tokenward.errors import MalformedTokenError
from tokenward.jose.codec import b64url_encode
from tokenward.jose.compact import CompactJws

# Imported so that pytest finds the fixtures.
backend, key, jws = jws_tokens.backend, jws_tokens.key, jws_tokens.jws


def test_a_valid_token_returns_its_payload(jws, backend):
    """A token with a valid signature returns its payload and type, after one verification."""
    verified = jws.verify(GOOD)

    assert verified.payload == PAYLOAD
    assert verified.typ == "jwt"
    assert backend.asked == 1


def test_bytes_and_text_are_read_alike(jws):
    """A token may be text or bytes."""
    assert jws.verify(GOOD.encode()) == jws.verify(GOOD)


def test_the_payload_may_be_any_bytes():
    """The payload may be empty, or bytes that are not text."""
    jws = jws_of(KEY)

    for payload in (b"", b"\x00\xff\x80", b"not JSON", b"x" * 1_000):
        assert jws.verify(jws.sign(payload, typ="JWT", headers=None)).payload == payload


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="nothing"),
        pytest.param("token", id="one segment"),
        pytest.param(HEAD, id="a header alone"),
        pytest.param(".", id="one dot"),
        pytest.param(f"{HEAD}.{BODY}", id="two segments"),
        pytest.param(f"{HEAD}{BODY}.{SIGNATURE}", id="two longer segments"),
        pytest.param(f"{GOOD}.", id="a dot at the end"),
        pytest.param(f".{GOOD}", id="a dot at the beginning"),
        pytest.param(f"{HEAD}..{BODY}.{SIGNATURE}", id="a dot too many"),
        pytest.param(f"{GOOD}.{SIGNATURE}", id="four segments"),
        pytest.param(f"{GOOD}.{BODY}.{SIGNATURE}", id="five segments"),
        pytest.param(f"{HEAD}....", id="five segments, as of a direct encryption"),
        pytest.param(f"{HEAD}.{BODY}.{SIGNATURE}.{BODY}.{SIGNATURE}", id="an encrypted token"),
        pytest.param("." * 100, id="dots"),
        pytest.param("." * DEFAULT_LIMIT, id="as many dots as fit"),
    ],
)
def test_a_token_has_exactly_three_segments(jws, backend, token):
    """A token of any other number of segments is refused before the signature is verified."""
    error = refused(jws, token, MalformedTokenError)

    assert error.code == "token_malformed"
    assert "three segments" in str(error)
    assert backend.asked == 0


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({"protected": HEAD, "payload": BODY, "signature": SIGNATURE}, id="flattened"),
        pytest.param(
            {"payload": BODY, "signatures": [{"protected": HEAD, "signature": SIGNATURE}]},
            id="general",
        ),
        pytest.param([GOOD], id="an array"),
        pytest.param(GOOD, id="a JSON text"),
    ],
)
def test_a_json_serialised_token_is_refused(jws, backend, form):
    """A token in a JSON serialization is refused before the signature is verified."""
    refused(jws, json.dumps(form), MalformedTokenError)

    assert backend.asked == 0


def test_a_json_form_with_dots_inside_is_refused(jws, backend):
    """A JSON serialization with two dots in it is refused too."""
    refused(jws, json.dumps({"a": f"{HEAD}.{BODY}.{SIGNATURE}"}), MalformedTokenError)

    assert backend.asked == 0


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: text + "=" * (-len(text) % 4 or 4), id="padding"),
        pytest.param(lambda text: text + "\n", id="line break at the end"),
        pytest.param(lambda text: " " + text, id="space at the beginning"),
        pytest.param(lambda text: text[:4] + "\t" + text[4:], id="tab inside"),
        pytest.param(lambda text: text[:4] + "+" + text[5:], id="plus"),
        pytest.param(lambda text: text[:4] + "/" + text[5:], id="slash"),
        pytest.param(lambda text: text[:4] + "\x00" + text[5:], id="NUL"),
        pytest.param(lambda text: text[:4] + "é" + text[5:], id="non-ASCII"),
        pytest.param(lambda text: text[:4] + "%2E" + text[7:], id="percent"),
        pytest.param(lambda text: text + "A" * (1 + -len(text) % 4), id="impossible length"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["header", "payload", "signature"])
def test_a_malformed_segment_never_reaches_the_crypto(jws, backend, place, spoil):
    """A segment that is not strict base64url is refused before the signature is verified."""
    segments = GOOD.split(".")
    segments[place] = spoil(segments[place])
    token = ".".join(segments)

    for _ in range(2):
        refused(jws, token, MalformedTokenError)
        refused(jws, token.encode(), MalformedTokenError)
    assert backend.asked == 0


@pytest.mark.parametrize("place", [0, 1, 2], ids=["header", "payload", "signature"])
def test_a_malformed_segment_with_a_cached_header_never_reaches_the_crypto(jws, backend, place):
    """A malformed segment is refused even if the header is cached from a valid token."""
    jws.verify(GOOD)
    segments = GOOD.split(".")
    segments[place] += "="

    refused(jws, ".".join(segments), MalformedTokenError)
    assert backend.asked == 1


def test_stray_bits_are_refused(backend, key):
    """Another encoding of the same bytes is refused in every segment, even with a valid signature."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    head, body = segment(b'{"alg":"HS256" }'), segment(b'{"sub":"bobby"}.')
    assert len(head) % 4 == len(body) % 4 == 2
    jws = CompactJws(KeyRing(key), max_bytes=DEFAULT_LIMIT)

    def respelt(text):
        return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]

    def token(head, body):
        message = f"{head}.{body}"
        return f"{message}.{b64url_encode(key.sign(message.encode()))}"

    jws.verify(token(head, body))
    refused(jws, token(respelt(head), body), MalformedTokenError)
    refused(jws, token(head, respelt(body)), MalformedTokenError)
    good = token(head, body)
    refused(jws, good[: -len(SIGNATURE)] + respelt(good[-len(SIGNATURE) :]), MalformedTokenError)
    assert backend.asked == 1


@pytest.mark.parametrize(
    "around", [" {}", "{} ", "\n{}", "{}\n", "\t{}\r\n", "\ufeff{}", "{}\x00", '"{}"', "Bearer {}"]
)
def test_text_around_a_token_is_refused(jws, backend, around):
    """White space, quotes or a scheme around a token are refused, not removed."""
    refused(jws, around.format(GOOD), MalformedTokenError)

    assert backend.asked == 0


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(f"é{GOOD}", id="Latin"),
        pytest.param(GOOD.replace("e", "\u0435"), id="a Cyrillic letter that looks the same"),
        pytest.param(GOOD.replace(".", "\uff0e"), id="full-width dots"),
        pytest.param(f"{HEAD}.\U0001f511.{SIGNATURE}", id="past the BMP"),
        pytest.param(f"{HEAD}.{BODY}.\ud800", id="lone surrogate in the signature"),
        pytest.param(f"{HEAD}.\udfff.{SIGNATURE}", id="lone surrogate in the payload"),
        pytest.param(f"\ud800.{BODY}.{SIGNATURE}", id="lone surrogate in the header"),
    ],
)
def test_a_non_ascii_text_is_malformed(jws, backend, token):
    """Characters outside of ASCII are refused, including lone surrogates."""
    with pytest.raises(MalformedTokenError) as caught:
        jws.verify(token)

    assert caught.value.__cause__ is None
    assert backend.asked == 0


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(b"\xff" + GOOD.encode(), id="no text"),
        pytest.param(GOOD.encode("utf-16"), id="UTF-16"),
        pytest.param(f"{HEAD}.é.{SIGNATURE}".encode(), id="UTF-8"),
        pytest.param(b"\x80.\x80.\x80", id="high bytes"),
        pytest.param(b"\x00" * 20, id="NUL"),
    ],
)
def test_non_ascii_bytes_are_malformed(jws, backend, token):
    """Bytes that are not ASCII are refused."""
    refused(jws, token, MalformedTokenError)

    assert backend.asked == 0


@pytest.mark.parametrize("kind", [str, str.encode])
def test_a_token_of_the_limit_is_accepted_and_one_character_more_is_not(kind):
    """The limit is the length of the whole token: a token of this length is accepted."""
    token = signed(b"x" * 500)
    exact, short = jws_of(KEY, max_bytes=len(token)), jws_of(KEY, max_bytes=len(token) - 1)

    assert exact.verify(kind(token)).payload == b"x" * 500
    assert "too long" in str(refused(short, kind(token), MalformedTokenError))


async def test_the_engine_reads_16_kib_by_default(engine):
    """By default, a token of 16,384 bytes is accepted and a longer one is refused."""
    room = 16_384 - len(signed(b""))
    fits, too_long = signed(b" " * (room * 3 // 4)), signed(b" " * (room * 3 // 4 + 3))
    assert len(fits) <= 16_384 < len(too_long)

    with pytest.raises(MalformedTokenError) as caught:
        await engine.decode(fits)
    assert "too long" not in str(caught.value)
    with pytest.raises(MalformedTokenError, match="too long"):
        await engine.decode(too_long)


def test_a_long_token_is_refused_before_it_is_split(jws, backend):
    """A token of ten million dots is refused by its length."""
    with pytest.raises(MalformedTokenError, match="too long"):
        jws.verify("." * 10_000_000)
    assert backend.asked == 0
