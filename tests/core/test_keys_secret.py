"""Secrets: their minimum length, and that the text of a key is not a secret."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization

from tests.core.key_material import (
    DER,
    EC_KEY,
    ED_KEY,
    KEY_TEXTS,
    PKCS1,
    RSA_KEY,
    SECRET,
    certificate,
    private_text,
    public_text,
    refused,
)
from tokenward import ConfigurationError, Key, KeyRing
from tokenward.errors import InvalidSignatureError


@pytest.mark.parametrize(("algorithm", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_of_the_length_of_the_hash_is_accepted(algorithm, least):
    """A secret exactly as long as its hash signs and verifies."""
    key = Key.from_secret(b"s" * least, algorithm=algorithm)

    key.verify(b"message", key.sign(b"message"))
    assert key.algorithm.name == algorithm
    assert key.can_sign
    assert len(key.sign(b"message")) == least


@pytest.mark.parametrize(
    ("algorithm", "length"),
    [("HS256", 31), ("HS384", 47), ("HS512", 63), ("HS256", 0), ("HS384", 0), ("HS512", 32)],
)
def test_a_short_secret_is_refused(algorithm, length):
    """A secret shorter than its hash is refused, and the message says how long it must be."""
    secret = SECRET[:length]

    message = refused(lambda: Key.from_secret(secret, algorithm=algorithm), secret)

    assert f"at least {int(algorithm[2:]) // 8} bytes" in message


def test_the_length_of_a_secret_is_counted_in_bytes():
    """Text counts as its UTF-8 bytes: sixteen letters of two bytes are enough for HS256."""
    text = Key.from_secret("ü" * 16)

    text.verify(b"message", Key.from_secret(("ü" * 16).encode()).sign(b"message"))
    refused(lambda: Key.from_secret("ü" * 15))


def test_a_secret_has_no_key_id_by_default():
    """A secret has a key id only if one is given."""
    assert Key.from_secret(SECRET).kid is None
    assert Key.from_secret(SECRET, kid="2026-01").kid == "2026-01"


@pytest.mark.parametrize("text", [pytest.param(each, id=name) for name, each in KEY_TEXTS.items()])
@pytest.mark.parametrize("prefix", [b"", b" ", b"\n", b"\r\n\t "], ids=repr)
def test_the_text_of_a_key_is_refused_as_a_secret(text, prefix):
    """PEM, SSH and JWK text is refused as a secret, even with white space around it."""
    for secret in (prefix + text, prefix + text + prefix):
        message = refused(lambda secret=secret: Key.from_secret(secret), secret)
        assert "from_pem or from_jwk" in message
    refused(lambda: Key.from_secret((prefix + text).decode(), algorithm="HS512"), text)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(public_text(RSA_KEY), id="public PEM"),
        pytest.param(private_text(EC_KEY), id="private PEM"),
        pytest.param(certificate(EC_KEY).public_bytes(DER), id="certificate in DER"),
        pytest.param(public_text(RSA_KEY, DER), id="public DER"),
        pytest.param(public_text(ED_KEY, DER), id="public DER of Ed25519"),
        pytest.param(private_text(EC_KEY, DER), id="private DER"),
    ],
)
def test_a_key_in_base64_is_refused_as_a_secret(content):
    """With and without line breaks, and in base64url with and without padding."""
    url_safe = base64.urlsafe_b64encode(content)
    for secret in (
        base64.b64encode(content),
        base64.encodebytes(content),
        url_safe,
        url_safe.rstrip(b"="),
    ):
        message = refused(lambda secret=secret: Key.from_secret(secret), secret)
        assert "from_pem or from_jwk" in message


@pytest.mark.parametrize(
    "secret",
    [
        base64.b64encode(b"0" + bytes(range(47))),
        "M" * 47,
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A-_not base64",
        "LS0tLS1CRUdJTi" + "z" * 34,
    ],
    ids=range(4),
)
def test_a_secret_that_only_begins_like_a_key_in_base64_is_accepted(secret):
    """Other text is a secret."""
    assert Key.from_secret(secret).can_sign


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(private_text(EC_KEY, DER), id="PKCS #8"),
        pytest.param(private_text(ED_KEY, DER), id="PKCS #8 of Ed25519"),
        pytest.param(private_text(RSA_KEY, DER, PKCS1), id="PKCS #1"),
        pytest.param(private_text(EC_KEY, DER, PKCS1), id="SEC 1"),
        pytest.param(private_text(ED_KEY, DER, password=b"password"), id="encrypted PKCS #8"),
        pytest.param(public_text(RSA_KEY, DER), id="public"),
        pytest.param(public_text(EC_KEY, DER), id="public EC"),
        pytest.param(public_text(ED_KEY, DER), id="public Ed25519"),
        pytest.param(
            public_text(RSA_KEY, DER, serialization.PublicFormat.PKCS1), id="PKCS #1 public"
        ),
        pytest.param(certificate(EC_KEY).public_bytes(DER), id="certificate"),
        pytest.param(certificate(ED_KEY).public_bytes(DER), id="certificate of Ed25519"),
    ],
)
def test_a_key_in_der_is_refused_as_a_secret(secret):
    """A key or a certificate in DER is refused as a secret."""
    assert "from_pem or from_jwk" in refused(lambda: Key.from_secret(secret), secret)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(b"0" + b"\x82\x01" + b"random" * 6, id="begins like DER"),
        pytest.param(b"0" * 64, id="the digit zero, which begins DER"),
        pytest.param(b'{"not": "a key", "but": "a strange secret"}', id="JSON without kty"),
        pytest.param(b"the words ssh-rsa and kty inside a sentence", id="names inside"),
        pytest.param(bytes(range(64)), id="bytes that are no text"),
        pytest.param(b"[" * 100, id="broken JSON"),
    ],
)
def test_a_secret_that_only_looks_like_a_key_is_accepted(secret):
    """Bytes that are not a key are accepted as a secret, whatever they begin with."""
    key = Key.from_secret(secret)

    key.verify(b"message", key.sign(b"message"))


@pytest.mark.parametrize(
    "secret", [None, 7, bytearray(64), memoryview(bytes(64)), ["secret"], object()]
)
def test_a_secret_must_be_text_or_bytes(secret):
    """A secret that is neither text nor bytes is refused."""
    assert "text or bytes" in refused(lambda: Key.from_secret(secret))


def test_a_secret_with_a_lone_surrogate_is_refused():
    """Text with a lone surrogate is refused as a secret, and is not in the error."""
    secret = SECRET + "\ud800"

    refused(lambda: Key.from_secret(secret), SECRET)


RAW = bytes(range(32)) + b"\xfb\xff"


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(RAW),
        base64.b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW),
        base64.urlsafe_b64encode(RAW).rstrip(b"="),
        base64.encodebytes(RAW),
        b"\n " + base64.b64encode(RAW) + b"\r\n",
    ],
    ids=range(6),
)
def test_a_secret_in_base64_is_decoded(text):
    """Both alphabets are read, with and without padding and line breaks."""
    for build in (Key.from_secret, lambda *a, **b: KeyRing.from_secret(*a, **b).active):
        key = build(text, encoding="base64", kid="2026")
        key.verify(b"message", Key.from_secret(RAW).sign(b"message"))
        assert key.kid == "2026"


def test_a_secret_is_decoded_only_if_asked():
    """Without an encoding, text that looks like base64 is the secret itself (Supabase)."""
    text = base64.b64encode(RAW)
    signature = Key.from_secret(text).sign(b"message")
    with pytest.raises(InvalidSignatureError):
        Key.from_secret(text, encoding="base64").verify(b"message", signature)


@pytest.mark.parametrize(
    "text",
    ["not base64 at all, but long enough!", "ü" * 40, b"\xff" * 40, "A" * 45, "A" * 40 + "=AAA"],
)
def test_a_secret_that_is_not_base64_is_refused(text):
    """The error names the alternative, and repeats nothing."""
    message = refused(lambda: Key.from_secret(text, encoding="base64"), text)
    assert message.startswith("The secret is not base64 or base64url.")


@pytest.mark.parametrize(("algorithm", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_the_length_of_a_secret_is_counted_after_decoding(algorithm, least):
    """A text that is long enough only without decoding it is refused with a hint."""
    enough, short = (base64.b64encode(bytes(size)) for size in (least, least - 1))
    options = {"algorithm": algorithm, "encoding": "base64"}
    assert Key.from_secret(enough, **options)
    message = refused(lambda: Key.from_secret(short, **options), short)
    assert f"at least {least} bytes after it is decoded" in message
    assert "remove the encoding" in message
    assert "remove" not in refused(lambda: Key.from_secret(b"AAAA", **options))


@pytest.mark.parametrize("text", [pytest.param(each, id=name) for name, each in KEY_TEXTS.items()])
def test_the_text_of_a_key_is_refused_as_an_encoded_secret(text):
    """As it is, and in base64. The letters and hyphens of PEM and SSH could be read as base64url."""
    for secret in (text, base64.b64encode(text), base64.b64encode(base64.b64encode(text))):
        refused(lambda secret=secret: Key.from_secret(secret, encoding="base64"), secret)


def test_a_public_key_without_padding_is_not_decoded():
    """Every character of this PEM text is in the alphabet of base64url."""
    pem = public_text(RSA_KEY)
    assert b"=" not in pem
    assert "from_pem" in refused(lambda: Key.from_secret(pem, encoding="base64"), pem)


@pytest.mark.parametrize("encoding", ["", "base64url", "hex", "BASE64", True, b"base64"], ids=repr)
def test_another_encoding_is_refused(encoding):
    """The error names the encoding that exists."""
    with pytest.raises(ConfigurationError, match="must be 'base64', or None"):
        Key.from_secret(SECRET, encoding=encoding)


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "ES256K", "EdDSA"])
def test_a_secret_is_for_hmac_only(algorithm):
    """A secret with an asymmetric algorithm is refused."""
    message = refused(lambda: Key.from_secret(SECRET, algorithm=algorithm), SECRET)

    assert algorithm in message
