"""PEM keys: private, public and encrypted, and keys that cannot sign."""

import base64

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, x448, x25519

from tests.core.key_material import (
    DER,
    EC_KEY,
    KEY_TEXTS,
    KINDS,
    PKCS1,
    PKCS8,
    RSA_KEY,
    SECRET,
    SPKI,
    private_text,
    public_text,
    refused,
)
from tokenward import Key
from tokenward.errors import InvalidSignatureError


@pytest.mark.parametrize("kind", KINDS)
def test_a_private_pem_signs_and_verifies(kind):
    """A private PEM key signs, verifies, and is bound to the algorithm of its kind."""
    material, algorithm = KINDS[kind]
    key = Key.from_pem(private_text(material))

    key.verify(b"message", key.sign(b"message"))
    assert key.algorithm.name == algorithm
    assert key.can_sign


@pytest.mark.parametrize("kind", KINDS)
def test_a_public_pem_verifies_only(kind):
    """A public PEM key verifies what its private half signs, has the same id, and cannot sign."""
    material, algorithm = KINDS[kind]
    private = Key.from_pem(private_text(material).decode())
    public = Key.from_pem(public_text(material).decode())

    public.verify(b"message", private.sign(b"message"))
    assert public.algorithm.name == algorithm
    assert public.kid == private.kid
    assert not public.can_sign


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(private_text(RSA_KEY, form=PKCS1), id="PKCS #1"),
        pytest.param(
            public_text(RSA_KEY, form=serialization.PublicFormat.PKCS1), id="PKCS #1 public"
        ),
        pytest.param(private_text(EC_KEY, form=PKCS1), id="SEC 1"),
        pytest.param(b"a comment\n" + private_text(EC_KEY) + b"\n\n", id="text around it"),
    ],
)
def test_older_forms_of_pem_are_read(pem):
    """PKCS #1 and SEC 1 forms are read like PKCS #8."""
    material = RSA_KEY if b"RSA" in pem else EC_KEY

    assert Key.from_pem(pem).kid == Key.from_pem(private_text(material)).kid


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_an_rsa_key_has_the_requested_algorithm(algorithm):
    """An RSA key may be bound to any of the six RSA algorithms, and verifies only with that one."""
    key = Key.from_pem(private_text(RSA_KEY), algorithm=algorithm)
    other = Key.from_pem(
        public_text(RSA_KEY), algorithm="PS256" if algorithm.startswith("RS") else "RS256"
    )
    signature = key.sign(b"message")

    key.verify(b"message", signature)
    assert key.algorithm.name == algorithm
    with pytest.raises(InvalidSignatureError):
        other.verify(b"message", signature)


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("RSA", "HS256"),
        ("RSA", "ES256"),
        ("RSA", "EdDSA"),
        ("RSA", "Ed25519"),
        ("Ed25519", "Ed448"),
        ("Ed448", "Ed25519"),
        ("P-256", "HS256"),
        ("P-256", "RS256"),
        ("P-256", "ES384"),
        ("P-256", "ES256K"),
        ("P-384", "ES256"),
        ("P-521", "ES384"),
        ("secp256k1", "ES256"),
        ("Ed25519", "ES256"),
        ("Ed25519", "HS512"),
        ("Ed448", "PS256"),
    ],
)
@pytest.mark.parametrize("write", [private_text, public_text])
def test_an_algorithm_that_does_not_fit_a_pem_key_is_refused(kind, algorithm, write):
    """A PEM key of another kind or curve than the algorithm's is refused."""
    pem = write(KINDS[kind][0])

    assert algorithm in refused(lambda: Key.from_pem(pem, algorithm=algorithm), pem)


@pytest.mark.parametrize("form", [PKCS8, PKCS1])
@pytest.mark.parametrize("password", ["pass-wörd", "pass-wörd".encode()], ids=repr)
def test_an_encrypted_pem_opens_with_its_password(form, password):
    """An encrypted private key is read with its password, as text or as bytes."""
    pem = private_text(EC_KEY, form=form, password="pass-wörd".encode())

    assert Key.from_pem(pem, password=password).can_sign


@pytest.mark.parametrize("form", [PKCS8, PKCS1])
def test_a_wrong_password_is_refused(form):
    """A wrong password is refused and not repeated."""
    pem = private_text(EC_KEY, form=form, password=b"right-password")
    wrong = SECRET[:12]

    message = refused(lambda: Key.from_pem(pem, password=wrong), wrong, pem)

    assert "password may be wrong" in message


@pytest.mark.parametrize("form", [PKCS8, PKCS1])
@pytest.mark.parametrize("password", [None, "", b""], ids=repr)
def test_a_missing_password_is_asked_for(form, password):
    """An encrypted key without a password is refused, and the message asks for it."""
    pem = private_text(EC_KEY, form=form, password=b"right-password")

    message = refused(lambda: Key.from_pem(pem, password=password), pem)

    assert "is encrypted: pass its password" in message


@pytest.mark.parametrize("form", [PKCS8, PKCS1])
def test_a_superfluous_password_is_refused(form):
    """A password for a private key that is not encrypted is refused and not repeated."""
    pem = private_text(EC_KEY, form=form)
    superfluous = SECRET[:12]

    message = refused(lambda: Key.from_pem(pem, password=superfluous), superfluous, pem)

    assert "not encrypted" in message


def test_a_password_for_a_public_key_is_refused():
    """A public key is never encrypted, so a password means that the file is the wrong one."""
    pem = public_text(EC_KEY)

    assert "not encrypted" in refused(lambda: Key.from_pem(pem, password=SECRET[:12]), pem)


def test_an_openssh_key_is_refused_with_the_way_to_convert_it():
    """The format of ssh-keygen is not PKCS #8, and the message names the command that converts it."""
    pem = private_text(EC_KEY, form=serialization.PrivateFormat.OpenSSH)

    assert "ssh-keygen -p -m pkcs8" in refused(lambda: Key.from_pem(pem), pem)


@pytest.mark.parametrize(
    "text", [private_text(EC_KEY), public_text(EC_KEY)], ids=["private", "public"]
)
def test_escaped_line_breaks_are_refused_with_the_fix(text):
    """The replacement in the message makes the key readable."""
    escaped = text.decode().replace("\n", "\\n")

    message = refused(lambda: Key.from_pem(escaped), escaped)
    assert message.endswith(r'Pass text.replace("\\n", "\n").')
    assert Key.from_pem(escaped.replace("\\n", "\n")).kid == Key.from_pem(text).kid


def test_a_password_with_a_lone_surrogate_is_refused():
    """A password with a lone surrogate is refused and not repeated."""
    pem = private_text(EC_KEY, password=b"right-password")

    refused(lambda: Key.from_pem(pem, password="word\ud800"), pem)


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param("", id="empty"),
        pytest.param("no PEM at all", id="plain text"),
        pytest.param(SECRET, id="a secret"),
        pytest.param(public_text(EC_KEY)[:90], id="cut"),
        pytest.param(private_text(EC_KEY)[:90], id="cut private"),
        pytest.param(
            b"-----BEGIN PRIVATE KEY-----\nbm8ga2V5\n-----END PRIVATE KEY-----\n",
            id="no key inside",
        ),
        pytest.param(
            b"-----BEGIN PUBLIC KEY-----\nbm8ga2V5\n-----END PUBLIC KEY-----\n",
            id="no public key inside",
        ),
        pytest.param(public_text(EC_KEY, DER), id="DER"),
        pytest.param(KEY_TEXTS["SSH Ed25519"], id="SSH"),
        pytest.param(KEY_TEXTS["OpenSSH private"], id="OpenSSH private"),
        pytest.param(KEY_TEXTS["private JWK"], id="JWK"),
        pytest.param("-----BEGIN PUBLIC KEY-----\ud800", id="lone surrogate"),
    ],
)
def test_text_that_is_not_a_pem_key_is_refused(pem):
    """Text that is not a PEM key is refused and not repeated."""
    refused(lambda: Key.from_pem(pem), pem)


@pytest.mark.parametrize("pem", [None, 7, ["-----BEGIN PUBLIC KEY-----"], {"kty": "oct"}], ids=repr)
def test_a_pem_must_be_text_or_bytes(pem):
    """A PEM that is neither text nor bytes is refused."""
    refused(lambda: Key.from_pem(pem))


# A public key for Diffie-Hellman in the second group of RFC 2409, section 6.2.
DH_PUBLIC = """-----BEGIN PUBLIC KEY-----
MIIBHzCBlQYJKoZIhvcNAQMBMIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc
0SkCTgiKZ8x0Agu+pjsTmyJRSgh5jjQE3e+VGbPNOkMbMCsKbfJfFDdP4TVtbVHC
ReSFtXZiXn7G9ExC6aY37WsL/1y29Aa37e44a/taiZ+lrp8kEXxLH+ZJKGZR7OZT
gf//////////AgECA4GEAAKBgBKZgLeu4HoU4kN3UNMznAKtpAUK842Y/tqu0nxd
7kvpmQLW87UDUZu5p4ZFfw0pwAoIqrFrJHJoXVVdwQBf58yfgLm7BnRAk2EZqm/5
cccN2U2hx/WhjxFhCH4NKmfwI4cJaOORLIiNSdw3Cjb3B9L2mLwZtadiZWYxFte5
RAcy
-----END PUBLIC KEY-----
"""


# The object identifiers of RFC 8410 §3, each with a length that its keys do not have.
DAMAGED = {"X25519": (110, 31), "X448": (111, 32), "Ed25519": (112, 33), "Ed448": (113, 32)}


@pytest.mark.parametrize(("identifier", "length"), DAMAGED.values(), ids=DAMAGED)
def test_a_private_key_of_the_wrong_length_is_refused(identifier, length):
    """As PEM, and as a secret, for which the same bytes may be mistaken."""
    private = bytes([4, length]) + b"\1" * length
    body = bytes([2, 1, 0, 48, 5, 6, 3, 43, 101, identifier, 4, len(private)]) + private
    der = bytes([48, len(body)]) + body
    encoded = base64.b64encode(der)

    pem = b"-----BEGIN PRIVATE KEY-----\n" + encoded + b"\n-----END PRIVATE KEY-----\n"
    assert "cannot be read" in refused(lambda: Key.from_pem(pem), encoded)
    for secret in (der, encoded):
        assert "not a secret" in refused(lambda secret=secret: Key.from_secret(secret), secret)


@pytest.mark.filterwarnings("ignore:Diffie-Hellman")
def test_a_diffie_hellman_key_is_refused():
    """A key for Diffie-Hellman is refused."""
    refused(lambda: Key.from_pem(DH_PUBLIC), DH_PUBLIC)


def small_dsa_key(bits=1024):
    """Return a small DSA key, which is generated quickly."""
    return dsa.generate_private_key(bits)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(small_dsa_key, id="DSA"),
        pytest.param(x25519.X25519PrivateKey.generate, id="X25519"),
        pytest.param(x448.X448PrivateKey.generate, id="X448"),
    ],
)
def test_keys_of_other_kinds_are_refused(make):
    """Keys that fit no algorithm, or cannot sign, are refused."""
    key = make()

    for pem in (private_text(key), public_text(key)):
        assert "RSA, EC, Ed25519 or Ed448" in refused(lambda pem=pem: Key.from_pem(pem), pem)


@pytest.mark.parametrize("curve", ["SECP192R1", "SECP224R1", "BrainpoolP256R1", "BrainpoolP512R1"])
def test_other_curves_are_refused(curve):
    """An EC key on a curve that no algorithm takes is refused."""
    if not hasattr(ec, curve):
        pytest.skip(f"cryptography has no {curve} any more")
    try:
        key = ec.generate_private_key(getattr(ec, curve)())
    except UnsupportedAlgorithm:
        pytest.skip(f"this OpenSSL has no {curve}")

    for pem in (private_text(key), public_text(key)):
        assert "P-256, P-384, P-521 or secp256k1" in refused(lambda pem=pem: Key.from_pem(pem), pem)


# DER of the object identifiers of EC keys and of P-256, and unassigned ones of the same length.
EC_OID, P256_OID = bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d030107")
UNKNOWN_OIDS = {
    "key type": (EC_OID, bytes.fromhex("2a8648ce3d027f")),
    "curve": (P256_OID, bytes.fromhex("2a8648ce3d03017f")),
}


def as_pem(der, label):
    """Wrap DER in PEM."""
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"


@pytest.mark.parametrize("old_and_new", UNKNOWN_OIDS.values(), ids=UNKNOWN_OIDS)
def test_a_key_type_or_curve_that_no_library_knows_is_refused(old_and_new):
    """The library's error is replaced, for private and public keys."""
    private = EC_KEY.private_bytes(DER, PKCS8, serialization.NoEncryption())
    public = EC_KEY.public_key().public_bytes(DER, SPKI)
    for der, label, message in (
        (private, "PRIVATE KEY", "cannot be read"),
        (public, "PUBLIC KEY", "not a PEM key"),
    ):
        assert old_and_new[0] in der
        pem = as_pem(der.replace(*old_and_new), label)
        assert message in refused(lambda pem=pem: Key.from_pem(pem), pem)


def test_an_rsa_key_of_a_number_of_bits_that_8_does_not_divide_signs_and_verifies():
    """A signature of a 2,050-bit key has 257 bytes (RFC 8017 §8.2.1)."""
    key = Key.from_pem(private_text(rsa.generate_private_key(65_537, 2050)))
    signature = key.sign(b"message")

    assert len(signature) == 257
    key.verify(b"message", signature)
