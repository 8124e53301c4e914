"""Helpers for the tests of keys: JWKs of RFCs, generated keys and their texts, refusals."""

import datetime as dt
import json
import traceback
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from tokenward import ConfigurationError
from tokenward.errors import InvalidKeyError
from tokenward.jose.codec import b64url_decode

VECTORS = Path(__file__).parents[1] / "vectors"
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
SECRET = "correct-horse-battery-staple-and-then-some-more-of-the-same-stuff"


def rfc_jwks(name):
    """Return the JWKs of the examples in RFCs, by key type."""
    examples = json.loads((VECTORS / name).read_text("utf-8"))["accepted"]
    return {each["algorithm"]: each["jwk"] for each in examples}


# One private JWK of each type, from RFCs.
JWKS = {
    "oct": rfc_jwks("rfc7515.json")["HS256"],
    "RSA": rfc_jwks("rfc7515.json")["RS256"],
    "EC": rfc_jwks("rfc7515.json")["ES256"],
    "OKP": rfc_jwks("rfc8037.json")["EdDSA"],
}
OTHER_RSA = rfc_jwks("rfc7520.json")["RS256"]
ASYMMETRIC = ("RSA", "EC", "OKP")

PKCS8 = serialization.PrivateFormat.PKCS8
PKCS1 = serialization.PrivateFormat.TraditionalOpenSSL
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def private_text(key, encoding=PEM, form=PKCS8, password=None):
    """Return a private key as text."""
    cipher = (
        serialization.NoEncryption()
        if password is None
        else serialization.BestAvailableEncryption(password)
    )
    return key.private_bytes(encoding, form, cipher)


def public_text(key, encoding=PEM, form=SPKI):
    """Return the public half of a private key as text."""
    return key.public_key().public_bytes(encoding, form)


def rsa_from(jwk):
    """Return the RSA private key of a JWK, read without Tokenward."""
    number = {name: int.from_bytes(b64url_decode(jwk[name])) for name in jwk if name != "kty"}
    public = rsa.RSAPublicNumbers(number["e"], number["n"])
    return rsa.RSAPrivateNumbers(
        number["p"], number["q"], number["d"], number["dp"], number["dq"], number["qi"], public
    ).private_key()


RSA_KEY = rsa_from(JWKS["RSA"])
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
KINDS = {
    "RSA": (RSA_KEY, "RS256"),
    "P-256": (EC_KEY, "ES256"),
    "P-384": (ec.generate_private_key(ec.SECP384R1()), "ES384"),
    "P-521": (ec.generate_private_key(ec.SECP521R1()), "ES512"),
    "secp256k1": (ec.generate_private_key(ec.SECP256K1()), "ES256K"),
    "Ed25519": (ED_KEY, "EdDSA"),
    "Ed448": (ed448.Ed448PrivateKey.generate(), "EdDSA"),
}


def certificate(key):
    """Return a self-signed certificate of a key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, start, start.replace(year=2027)
    )
    return builder.sign(
        key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    )


def public_part_of(jwk):
    """Return a JWK without its private members."""
    return {name: value for name, value in jwk.items() if name not in PRIVATE_MEMBERS}


def refused(build, *material, error=InvalidKeyError):
    """Expect a key to be refused with no key material in the error; return the message."""
    with pytest.raises(error) as caught:
        build()
    shown = "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value, ConfigurationError)
    assert caught.value.__cause__ is None
    for each in material:
        text = each.decode("latin-1") if isinstance(each, bytes) else str(each)
        assert not text or text not in str(caught.value)
        assert not text or text not in shown
    return str(caught.value)


SSH_LINE = b"AAAAC3NzaC1lZDI1NTE5AAAAIKjQ0 somebody@somewhere.example"
KEY_TEXTS = {
    "PKCS #8 PEM": private_text(EC_KEY),
    "PKCS #8 PEM of RSA": private_text(RSA_KEY),
    "PKCS #1 PEM": private_text(RSA_KEY, form=PKCS1),
    "SEC 1 PEM": private_text(EC_KEY, form=PKCS1),
    "encrypted PEM": private_text(ED_KEY, password=b"password"),
    "OpenSSH private": private_text(ED_KEY, form=serialization.PrivateFormat.OpenSSH),
    "public PEM": public_text(EC_KEY),
    "public PEM of RSA": public_text(RSA_KEY),
    "public PEM of Ed25519": public_text(ED_KEY),
    "PKCS #1 public PEM": public_text(RSA_KEY, form=serialization.PublicFormat.PKCS1),
    "certificate PEM": certificate(EC_KEY).public_bytes(PEM),
    "SSH2 public": b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n",
    "SSH RSA": public_text(
        RSA_KEY, serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ),
    "SSH Ed25519": public_text(
        ED_KEY, serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ),
    "SSH ECDSA": public_text(
        EC_KEY, serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ),
    "SSH security key": b"sk-ssh-ed25519@openssh.com " + SSH_LINE,
    "SSH security key, ECDSA": b"sk-ecdsa-sha2-nistp256@openssh.com " + SSH_LINE,
    "SSH certificate": b"ssh-ed25519-cert-v01@openssh.com " + SSH_LINE,
    "public JWK": json.dumps(public_part_of(JWKS["EC"])).encode(),
    "private JWK": json.dumps(JWKS["EC"]).encode(),
    "secret JWK": json.dumps(JWKS["oct"]).encode(),
    "JWK set": json.dumps({"keys": [public_part_of(JWKS["RSA"])]}, indent=2).encode(),
}
# The members of these JWKs that hold numbers or bytes.
MEMBERS = [
    (kty, member)
    for kty, jwk in JWKS.items()
    for member in jwk
    if member not in {"kty", "crv", "kid", "use", "alg"}
]
