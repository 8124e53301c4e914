"""The header of a token: which headers are refused, and which are written."""

import pytest

from tests.core import jws_tokens
from tests.core.jws_tokens import BODY, KEY, PAYLOAD, SIGNATURE, header_of, jws_of, refused, segment
from tests.support import signed
from tokenward import ConfigurationError, Key
from tokenward.errors import AlgorithmMismatchError, MalformedTokenError, UnsupportedHeaderError

# Imported so that pytest finds the fixtures.
backend, key, jws = jws_tokens.backend, jws_tokens.key, jws_tokens.jws


@pytest.mark.parametrize("name", ["crit", "b64", "zip"])
@pytest.mark.parametrize(
    "value",
    [None, False, True, "", "DEF", 0, [], ["exp"], ["b64"], {}],
    ids=repr,
)
def test_headers_that_change_the_meaning_are_refused(jws, backend, name, value):
    """`crit`, `b64` and `zip` are refused with any value."""
    token = signed(PAYLOAD, header={"alg": "HS256", name: value})

    assert refused(jws, token, UnsupportedHeaderError).code == "header_unsupported"
    assert backend.asked == 0


@pytest.mark.parametrize(
    "algorithm",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        " none",
        "",
        "HS384",
        "HS512",
        "hs256",
        "HS256 ",
        "HS256\x00",
        "RS256",
        "PS256",
        "ES256",
        "EdDSA",
        "A128KW",
        "dir",
        "unknown",
        "\ud800",
        "x" * 5_000,
    ],
)
@pytest.mark.parametrize("signature", [SIGNATURE, ""], ids=["signed", "unsigned"])
def test_another_algorithm_is_refused(jws, backend, algorithm, signature):
    """An `alg` other than the key's is refused before verification, including `none` in any spelling."""
    header = {"alg": algorithm, "typ": "JWT"}
    token = signed(PAYLOAD, header=header) if signature else f"{segment(header)}.{BODY}."

    assert refused(jws, token, AlgorithmMismatchError).code == "algorithm_mismatch"
    assert backend.asked == 0


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"typ": "JWT"},
        {"ALG": "HS256"},
        {"alg": None},
        {"alg": 256},
        {"alg": True},
        {"alg": ["HS256"]},
        {"alg": {"HS256": 1}},
    ],
    ids=repr,
)
def test_a_missing_algorithm_or_one_that_is_not_text_is_malformed(jws, backend, header):
    """A header without `alg`, or with one that is not text, is malformed."""
    refused(jws, signed(PAYLOAD, header=header), MalformedTokenError)

    assert backend.asked == 0


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b'{"alg":"none","alg":"HS256"}', id="duplicate"),
        pytest.param(b'{"alg":"HS256","kid":"a","kid":"b"}', id="duplicate kid"),
        pytest.param(b'{"alg":"HS256","x":{"y":1,"y":1}}', id="duplicate inside"),
        pytest.param(b'\xef\xbb\xbf{"alg":"HS256"}', id="byte order mark"),
        pytest.param('{"alg":"HS256"}'.encode("utf-16-le"), id="UTF-16"),
        pytest.param(b'{"alg":"HS256","x":NaN}', id="NaN"),
        pytest.param(b'[{"alg":"HS256"}]', id="array"),
        pytest.param(b'"HS256"', id="text"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"alg":"HS256"', id="cut"),
        pytest.param(b'{"alg":"HS256","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}", id="deep"),
        pytest.param(b'{"alg":"HS256","x":' + b"9" * 5_000 + b"}", id="5,000 digits"),
        pytest.param(b'{"alg":"HS256","x":"\xff"}', id="not UTF-8"),
    ],
)
def test_a_header_that_is_not_a_strict_json_object_is_refused(jws, backend, header):
    """A header that two parsers could read differently is refused, even with a valid signature."""
    refused(jws, signed(PAYLOAD, header=header), MalformedTokenError)

    assert backend.asked == 0


@pytest.mark.parametrize("name", ["kid", "typ"])
@pytest.mark.parametrize("value", [None, 7, 1.5, True, False, [], ["JWT"], {}], ids=repr)
def test_a_key_id_or_type_that_is_not_text_is_malformed(jws, backend, name, value):
    """A `kid` or `typ` that is not text is malformed, for example null."""
    refused(jws, signed(PAYLOAD, header={"alg": "HS256", name: value}), MalformedTokenError)

    assert backend.asked == 0


@pytest.mark.parametrize(
    ("typ", "expected"),
    [
        ("JWT", "jwt"),
        ("jwt", "jwt"),
        ("at+jwt", "at+jwt"),
        ("AT+JWT", "at+jwt"),
        ("application/at+jwt", "at+jwt"),
        ("Application/AT+JWT", "at+jwt"),
        ("application/application/jwt", "application/jwt"),
        ("text/jwt", "text/jwt"),
        ("", ""),
    ],
)
def test_a_type_is_compared_as_a_media_type(jws, typ, expected):
    """`typ` is returned in lower case and without `application/` (RFC 7515, section 4.1.9)."""
    token = signed(PAYLOAD, header={"alg": "HS256", "typ": typ})

    assert jws.verify(token).typ == expected
    assert jws.verify(token).typ == expected


def test_a_token_without_a_type_has_none(jws):
    """For a header without `typ`, the type is None."""
    assert jws.verify(signed(PAYLOAD, header={"alg": "HS256"})).typ is None


RESERVED = (
    *("alg", "kid", "typ", "cty", "enc", "crit", "b64", "zip"),
    *("jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"),
)


@pytest.mark.parametrize("name", RESERVED)
def test_a_reserved_header_is_refused_when_signing(jws, name):
    """A caller cannot set a header that the engine sets or never writes; the message names it."""
    with pytest.raises(ConfigurationError, match=name) as caught:
        jws.sign(PAYLOAD, typ="JWT", headers={"fine": 1, name: "the-value"})

    assert "the-value" not in str(caught.value)
    assert "fine" not in str(caught.value)


def test_all_reserved_headers_are_named_at_once(jws):
    """If several headers are reserved, the message names each of them."""
    with pytest.raises(ConfigurationError, match=r"alg, crit, kid"):
        jws.sign(PAYLOAD, typ="JWT", headers={"kid": "k", "alg": "none", "crit": []})


@pytest.mark.parametrize("name", [b"alg", b"kid", 7, None, ("alg",)], ids=repr)
def test_the_name_of_a_header_must_be_text(jws, name):
    """A header whose name is not text is refused, because JSON would change the name."""
    with pytest.raises(TypeError, match="must be text"):
        jws.sign(PAYLOAD, typ="JWT", headers={name: "none"})


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "\ud800", object(), [{"x": float("nan")}]],
    ids=["NaN", "Infinity", "surrogate", "object", "nested NaN"],
)
def test_a_header_that_cannot_be_written_as_json_is_refused(jws, value):
    """A header value that cannot be written as JSON is a programming mistake."""
    with pytest.raises(ConfigurationError):
        jws.sign(PAYLOAD, typ="JWT", headers={"x": value})


@pytest.mark.parametrize("headers", [None, {}, {"x": 1}])
def test_what_is_written_names_algorithm_type_and_key(headers):
    """Every token names its algorithm, its type and the id of its key, if it has one."""
    named, nameless = Key.generate("EdDSA", kid="k"), KEY
    extra = headers or {}

    token = jws_of(named).sign(PAYLOAD, typ="at+jwt", headers=headers)
    assert header_of(token) == {"alg": "EdDSA", "typ": "at+jwt", "kid": "k", **extra}
    token = jws_of(nameless).sign(PAYLOAD, typ="JWT", headers=headers)
    assert header_of(token) == {"alg": "HS256", "typ": "JWT", **extra}


def test_custom_headers_are_written_to_one_token_alone():
    """Custom headers are written only to the token for which they were passed."""
    jws = jws_of(KEY)
    custom = {"tenant": "ü🔑", "n": [1, {"x": None}]}

    plain = jws.sign(PAYLOAD, typ="JWT", headers=None)
    special = jws.sign(PAYLOAD, typ="JWT", headers=custom)
    again = jws.sign(PAYLOAD, typ="JWT", headers=None)

    assert header_of(special) == {"alg": "HS256", "typ": "JWT", **custom}
    assert plain == again
    assert jws.verify(special).payload == PAYLOAD


def test_each_type_has_its_own_header():
    """The cached header of one type is not used for another type."""
    jws = jws_of(KEY)
    types = ["JWT", "at+jwt", "JWT", "at+jwt"]

    assert [header_of(jws.sign(b"{}", typ=typ, headers=None))["typ"] for typ in types] == types
