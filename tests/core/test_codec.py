"""Base64url and JSON: each value has one encoding, and every other one is refused."""

import json
import traceback

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tokenward import ConfigurationError
from tokenward.errors import MalformedTokenError
from tokenward.jose.codec import (
    all_finite,
    b64url_decode,
    b64url_encode,
    dumps,
    loads_header,
    loads_payload,
)

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def refused(function, argument):
    """Call, expect a MalformedTokenError, and return it."""
    with pytest.raises(MalformedTokenError) as caught:
        function(argument)
    assert caught.value.code == "token_malformed"
    return caught.value


# RFC 4648 §10 without padding, and the characters that differ in the URL alphabet.
@pytest.mark.parametrize(
    ("data", "segment"),
    [
        (b"", ""),
        (b"f", "Zg"),
        (b"fo", "Zm8"),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg"),
        (b"fooba", "Zm9vYmE"),
        (b"foobar", "Zm9vYmFy"),
        (b"\xfb\xff", "-_8"),
        (b"\x00", "AA"),
        (b"\x03\xec\xff\xe0\xc1", "A-z_4ME"),  # RFC 7515, appendix C
    ],
)
def test_bytes_have_one_encoding(data, segment):
    """Bytes are encoded without padding in the URL alphabet, and decoded again."""
    assert b64url_encode(data) == segment
    assert b64url_decode(segment) == data


@given(st.binary(max_size=300))
def test_what_is_encoded_is_decoded(data):
    """Any bytes are the same after encoding and decoding, in the alphabet of RFC 4648 §5."""
    segment = b64url_encode(data)

    assert set(segment) <= set(ALPHABET)
    assert b64url_decode(segment) == data


@given(st.text(ALPHABET, max_size=40))
@example("Zh")
@example("A")
def test_a_text_is_the_only_encoding_of_its_bytes_or_is_refused(segment):
    """No two texts decode to the same bytes."""
    try:
        data = b64url_decode(segment)
    except MalformedTokenError:
        return
    assert b64url_encode(data) == segment


@given(
    st.text(ALPHABET, max_size=20),
    st.characters(codec=None, exclude_characters=ALPHABET),
    st.text(ALPHABET, max_size=20),
)
def test_a_character_outside_of_the_alphabet_is_refused(before, letter, after):
    """A text with a character outside of the alphabet is refused, wherever it is."""
    refused(b64url_decode, before + letter + after)


@pytest.mark.parametrize(
    "segment",
    [
        "Zg==",
        "Zm8=",
        "Zg=",
        "=",
        "====",
        "Zm9v=",
        "=Zm9v",
        "Zm9vYg==Zm9v",
    ],
)
def test_padding_is_refused(segment):
    """A padded segment is refused."""
    refused(b64url_decode, segment)


@pytest.mark.parametrize("space", [" ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\u00a0", "\u2028"])
@pytest.mark.parametrize("template", ["{}Zm9v", "Zm9v{}", "Zm{}9v", "{}"])
def test_white_space_is_refused(space, template):
    """White space is refused at the beginning, at the end, inside and alone."""
    refused(b64url_decode, template.format(space))


@pytest.mark.parametrize("segment", ["+_8A", "-/8A", "+/8A", "Zm9v+", "/", "ab+/"])
def test_the_standard_alphabet_is_refused(segment):
    """The letters `+` and `/` are refused."""
    refused(b64url_decode, segment)


@pytest.mark.parametrize("segment", ["Zh", "Zo", "Z_", "Zm9", "Zm-", "AB", "AAB", "A_"])
def test_stray_bits_are_refused(segment):
    """The bits of the last character that belong to no byte must be zero."""
    refused(b64url_decode, segment)


@pytest.mark.parametrize("segment", ["A", "AAAAA", "Zm9vZ", "A" * 4001])
def test_an_impossible_length_is_refused(segment):
    """A length of one above a multiple of four is refused."""
    refused(b64url_decode, segment)


@pytest.mark.parametrize(
    "segment",
    [
        "Zm9\u00fc",
        "\uff3am9v",
        "Zm9v\u0301",
        "Zm9\U0001f511",
        "\u212am9v",
        "Zm\x009v",
        "\x00",
        "Zm9v\x00",
        "\ud800",
        "Zm9\udfff",
        "\ud83d\udd11aa",
        "Zm9v.",
        "Zm9*",
        "Zm9~",
        "%5am",
    ],
)
def test_other_characters_are_refused(segment):
    """Non-ASCII characters, NUL and lone surrogates are refused."""
    refused(b64url_decode, segment)


@pytest.mark.parametrize("segment", ["c2VjcmV0LXBhcnQ=", "c2VjcmV0 LXBhcnQ", "c2VjcmV0LXBhcnR"])
def test_a_refused_segment_is_not_repeated(segment):
    """Neither the error nor its traceback shows the segment."""
    error = refused(b64url_decode, segment)

    shown = "".join(traceback.format_exception(error))
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    assert segment not in str(error)
    assert "c2VjcmV0" not in shown


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("{}", {}),
        ('{"alg":"HS256"}', {"alg": "HS256"}),
        (' {\r\n"alg" :\t"HS256" } \n', {"alg": "HS256"}),
        ('{"a":{"b":[1,null,true,"\u00fc\U0001f511"]}}', {"a": {"b": [1, None, True, "ü🔑"]}}),
        ('{"a":1,"A":2}', {"a": 1, "A": 2}),
        ('{"a":[{"b":1},{"b":1}]}', {"a": [{"b": 1}, {"b": 1}]}),
        ('{"a":{"b":1},"b":2}', {"a": {"b": 1}, "b": 2}),
        ('{"a":"NaN Infinity"}', {"a": "NaN Infinity"}),
    ],
)
def test_a_json_object_is_read(text, header):
    """A UTF-8 JSON object with distinct names is returned."""
    assert loads_header(text.encode()) == header


@pytest.mark.parametrize(
    "text",
    [
        '{"alg":"HS256","alg":"none"}',
        '{"alg":"HS256","alg":"HS256"}',
        '{"alg":"HS256","\\u0061lg":"none"}',
        '{"alg":"HS256","x":{"y":1,"y":2}}',
        '{"x":[[{"y":1,"z":2,"y":1}]]}',
        '{"":1,"":2}',
    ],
)
def test_duplicate_members_are_refused(text):
    """A duplicate name in an object is refused, at any depth and with any escapes."""
    refused(loads_header, text.encode())


def with_brackets(*, arrays=0, objects=0):
    """Return a flat header with this number of arrays and objects in it."""
    return json.dumps({"alg": "HS256", "x": [*([] for _ in range(arrays - 1)), *({},) * objects]})


@pytest.mark.parametrize(("arrays", "objects"), [(63, 0), (1, 62), (32, 31)])
def test_a_header_of_64_brackets_is_read_and_of_65_refused(arrays, objects):
    """Arrays and objects are counted together, including the header itself."""
    text = with_brackets(arrays=arrays, objects=objects)

    assert text.count("[") + text.count("{") == 64
    assert loads_header(text.encode()) == json.loads(text)
    refused(loads_header, with_brackets(arrays=arrays + 1, objects=objects).encode())
    refused(loads_header, with_brackets(arrays=arrays, objects=objects + 1).encode())


INFINITE = ["NaN", "Infinity", "-Infinity", "1e999"]


@pytest.mark.parametrize("number", INFINITE)
@pytest.mark.parametrize("template", ["{}", "[1, {}]", '{{"a": [{{"b": {}}}]}}'])
def test_nan_and_infinity_are_found_at_any_depth(number, template):
    """NaN and infinities are found, even in lists and objects."""
    assert not all_finite(json.loads(template.format(number)))
    assert all_finite(json.loads(template.format("1e300")))


@pytest.mark.parametrize(
    "value", [None, True, "NaN", "Infinity", 2**2000, {"NaN": [{}, ["Infinity"]]}]
)
def test_the_words_inside_a_string_are_finite(value):
    """Only numbers are checked."""
    assert all_finite(value)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"a": 1, "b": [True, None, "ü🔑", 1.5]},
        {"a": "NaN"},
        {"a": "Infinity"},
        {"NaN": ["In", "Na"]},
        {"a": 2**70},
    ],
)
def test_json_is_written(members):
    """JSON values are written and can be read again."""
    assert json.loads(dumps(members)) == members


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(float("nan"), id="NaN"),
        pytest.param(float("inf"), id="Infinity"),
        pytest.param([{"a": float("-inf")}], id="-Infinity inside"),
        pytest.param("secret\ud800", id="lone surrogate"),
        pytest.param(object(), id="object"),
        pytest.param({"secret": object()}, id="object inside"),
    ],
)
def test_a_value_that_cannot_be_written_as_json_is_a_programming_mistake(value):
    """A value that cannot be written as JSON is refused, and is not in the error."""
    with pytest.raises(ConfigurationError) as caught:
        dumps({"a": value})

    assert caught.value.code == "configuration_invalid"
    assert caught.value.__cause__ is None
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b"null", b"1", b'"a"', b'{"a": 1} x', b'{"a": "\xff"}', b'{"a": "\\ud800"}',
        b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", b'{"a": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_a_payload_that_is_not_an_object_is_malformed(payload):
    """A payload that the parser refuses is refused, without the parser's error as context."""
    with pytest.raises(MalformedTokenError) as caught:
        loads_payload(payload)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_the_last_of_duplicate_members_counts():
    """The last of duplicate members counts, as in claims models, so that all parsers agree."""
    assert loads_payload(b'{"a": 1, "b": {"c": 1, "c": 2}, "a": 2}') == {"a": 2, "b": {"c": 2}}
