"""Secrets: their minimum length, and that the text of a key is not a secret."""

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
from tokenward import Key


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


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "ES256K", "EdDSA"])
def test_a_secret_is_for_hmac_only(algorithm):
    """A secret with an asymmetric algorithm is refused."""
    message = refused(lambda: Key.from_secret(SECRET, algorithm=algorithm), SECRET)

    assert algorithm in message
