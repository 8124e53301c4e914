"""Texts that cannot be a token are refused by their first letter, with the same error as before."""

import string
from itertools import product

import pytest

from tests.core.jws_tokens import BODY, HEAD, KEY, PAYLOAD, SIGNATURE, jws_of
from tests.support import payload_of, signed
from tokenward import InvalidTokenError
from tokenward.errors import MalformedTokenError
from tokenward.jose.codec import b64url_encode, loads_header
from tokenward.jose.segments import FIRST_LETTERS

LETTERS = [*string.ascii_letters, *string.digits, *"-_=+/. \t\x00é{", ""]


class NeverHashed(str):
    """A text whose hash nobody may ask for."""

    __slots__ = ()
    __hash__ = None


def test_a_header_starts_with_one_of_the_first_letters():
    """The letters are exactly those of the base64url of all JSON objects."""
    found = set()
    for first, second in product(range(256), b'{}" \n'):
        for header in (bytes([first, second, *b"{}"]), bytes([first, second])):
            try:
                loads_header(header)
            except MalformedTokenError:
                continue
            found.add(b64url_encode(header)[0])

    assert found == set(FIRST_LETTERS)


@pytest.mark.parametrize("space", [b" ", b"\t", b"\n", b"\r", b"\r\n \t"])
async def test_a_header_may_begin_with_white_space(engine, space):
    """White space before the header object is JSON, so the token is accepted (RFC 8259 §2)."""
    token = signed(payload_of(), header=space + b'{"alg":"HS256"}')

    assert (await engine.decode(token)).sub == "alice"
    assert (await engine.decode(token.encode())).sub == "alice"


@pytest.mark.parametrize(
    "rest",
    ["", "eyJ", f".{BODY}.{SIGNATURE}", f"{HEAD}.{BODY}.AAAA", ".", "..", "...", "x" * 100],
)
async def test_the_first_letter_does_not_change_the_error(engine, rest):
    """Whatever a text begins with, the engine refuses it with the error of a full verification."""
    jws = jws_of(KEY)
    for letter in LETTERS:
        with pytest.raises(InvalidTokenError) as expected:
            jws.verify(letter + rest)
        with pytest.raises(InvalidTokenError) as caught:
            await engine.decode(letter + rest)

        assert (type(caught.value), str(caught.value)) == (
            type(expected.value),
            str(expected.value),
        )
        assert caught.value.__context__ is None


async def test_letters_that_are_no_token_are_not_hashed(engine):
    """A text that cannot start with a header is refused before the signature cache looks it up."""
    for text in ("A" * 16_384, f"A.{PAYLOAD!r}.A"):
        with pytest.raises(MalformedTokenError):
            await engine.decode(NeverHashed(text))
