"""Signatures: what is refused for every algorithm, what is cached, and what is signed."""

import dataclasses
import sys

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from jwt.algorithms import RSAPSSAlgorithm

from tests.core import jws_tokens
from tests.core.jws_tokens import (
    ATTACKER,
    BODY,
    GOOD,
    HEAD,
    KEY,
    PAYLOAD,
    SIGNATURE,
    header_of,
    jws_of,
    refused,
    segment,
)
from tests.support import OTHER_SECRET, signed
from tokenward import InvalidTokenError, Key
from tokenward.errors import InvalidSignatureError, SigningKeyError
from tokenward.jose.algorithms import ALGORITHMS
from tokenward.jose.codec import b64url_decode, b64url_encode

# Imported so that pytest finds the fixtures.
backend, key, jws = jws_tokens.backend, jws_tokens.key, jws_tokens.jws

SIGNERS = {
    name: Key.generate(name, kid="k")
    for name in (
        "EdDSA",
        "Ed25519",
        "Ed448",
        "HS256",
        "HS384",
        "HS512",
        "ES256",
        "ES384",
        "ES512",
        "ES256K",
    )
}


@pytest.fixture(scope="module")
def rsa_key():
    """Return one RSA key for all six algorithms."""
    return rsa.generate_private_key(65_537, 2048)


@pytest.fixture(scope="module", params=ALGORITHMS)
def signer(request, rsa_key):
    """Return a key of each algorithm."""
    name = request.param
    return SIGNERS[name] if name in SIGNERS else Key(rsa_key, ALGORITHMS[name], "k")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _signature: b"", id="none"),
        pytest.param(lambda signature: signature[:-1], id="last byte missing"),
        pytest.param(lambda signature: signature[1:], id="first byte missing"),
        pytest.param(lambda signature: signature[: len(signature) // 2], id="half"),
        pytest.param(lambda signature: signature + b"\x00", id="a byte more"),
        pytest.param(lambda signature: b"\x00" + signature, id="a byte before"),
        pytest.param(lambda signature: signature * 2, id="twice"),
        pytest.param(lambda signature: bytes(len(signature)), id="zeros"),
        pytest.param(lambda signature: b"\xff" * len(signature), id="ones"),
        pytest.param(lambda signature: signature[::-1], id="reversed"),
        pytest.param(lambda signature: bytes([signature[0] ^ 128]) + signature[1:], id="one bit"),
        pytest.param(lambda signature: signature[:-1] + bytes([signature[-1] ^ 1]), id="last bit"),
    ],
)
def test_a_signature_of_another_length_or_value_is_refused(signer, spoil):
    """A truncated, extended, empty or changed signature is refused for every algorithm."""
    jws = jws_of(signer)
    token = jws.sign(PAYLOAD, typ="JWT", headers=None)
    message, _, signature = token.rpartition(".")
    wrong = b64url_encode(spoil(b64url_decode(signature)))

    assert jws.verify(token).payload == PAYLOAD
    assert refused(jws, f"{message}.{wrong}", InvalidSignatureError).code == "signature_invalid"


def test_a_signature_of_another_token_is_refused(signer):
    """The signature of one token does not fit another header or payload."""
    jws = jws_of(signer)
    head, body, signature = jws.sign(PAYLOAD, typ="JWT", headers=None).split(".")
    other_head, other_body, _ = jws.sign(b"{}", typ="at+jwt", headers=None).split(".")

    refused(jws, f"{head}.{other_body}.{signature}", InvalidSignatureError)
    refused(jws, f"{other_head}.{body}.{signature}", InvalidSignatureError)
    refused(jws, f"{head}..{signature}", InvalidSignatureError)


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 64, 222])
def test_a_pss_signature_with_another_salt_is_refused(rsa_key, salt):
    """A PSS signature whose salt is not as long as its hash is refused (RFC 7518, section 3.5)."""
    key = Key(rsa_key, ALGORITHMS["PS256"], "k")
    message = f"{segment({'alg': 'PS256', 'kid': 'k'})}.{BODY}"
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)
    signature = rsa_key.sign(message.encode(), scheme, hashes.SHA256())

    refused(jws_of(key), f"{message}.{b64url_encode(signature)}", InvalidSignatureError)


class CountingPss(RSAPSSAlgorithm):
    """RSASSA-PSS that counts its verifications."""

    asked = 0

    def verify(self, msg, key, sig):
        """Count, then verify."""
        self.asked += 1
        return super().verify(msg, key, sig)


def test_a_pss_signature_of_the_wrong_length_never_reaches_the_crypto(rsa_key):
    """PSS signatures that are shorter or longer than the modulus are refused by their length."""
    backend = CountingPss(RSAPSSAlgorithm.SHA256)
    key = Key(rsa_key, dataclasses.replace(ALGORITHMS["PS256"], backend=backend), None)
    jws = jws_of(key)
    message, _, signature = jws.sign(PAYLOAD, typ="JWT", headers=None).rpartition(".")
    raw = b64url_decode(signature)

    for wrong in (b"", raw[:-1], raw + b"\x00", b"\x00" + raw, raw[:-1] * 2):
        refused(jws, f"{message}.{b64url_encode(wrong)}", InvalidSignatureError)
    assert backend.asked == 0

    assert jws.verify(f"{message}.{signature}").payload == PAYLOAD
    assert backend.asked == 1


def test_only_the_header_of_a_valid_token_is_cached(jws):
    """Only the header of a valid token is cached, not that of a refused one."""
    forged = [
        f"{HEAD}.{BODY}.{b64url_encode(bytes(32))}",
        f"{segment({'alg': 'HS256', 'n': 1})}.{BODY}.{SIGNATURE}",
        f"{segment({'alg': 'HS384'})}.{BODY}.{SIGNATURE}",
        f"{HEAD}.{BODY}.",
        f"{HEAD}.=.{SIGNATURE}",
    ]
    for token in forged:
        with pytest.raises(InvalidTokenError):
            jws.verify(token)
    assert jws._headers == {}

    jws.verify(GOOD)
    assert list(jws._headers) == [HEAD]


def test_unsigned_tokens_cannot_fill_the_cache(jws):
    """Of a thousand unsigned tokens with different headers, no header is cached."""
    for number in range(1_000):
        head = segment({"alg": "HS256", "n": number})
        refused(jws, f"{head}.{BODY}.{SIGNATURE}", InvalidSignatureError)

    assert len(jws._headers) == 0


def test_the_number_of_cached_headers_is_limited(jws):
    """The number of cached headers is limited."""
    tokens = [
        signed(PAYLOAD, header={"alg": "HS256", "typ": f"t{number}"}) for number in range(200)
    ]
    most = 0
    for number, token in enumerate(tokens):
        assert jws.verify(token).typ == f"t{number}"
        most = max(most, len(jws._headers))

    assert 1 < most <= 64
    assert [jws.verify(token).typ for token in tokens] == [f"t{number}" for number in range(200)]


def test_with_a_cached_header_the_signature_is_still_verified(jws, backend):
    """After a valid token, a forged one with the same header is verified and refused."""
    jws.verify(GOOD)
    refused(jws, f"{HEAD}.{segment({'sub': 'mallory'})}.{SIGNATURE}", InvalidSignatureError)

    assert backend.asked == 2


def test_two_verifiers_share_no_cache():
    """A verifier with other keys does not accept a token that another verifier has cached."""
    one, two = jws_of(KEY), jws_of(Key.from_secret(OTHER_SECRET))
    one.verify(GOOD)

    refused(two, GOOD, InvalidSignatureError)
    assert two._headers == {}


def test_a_key_that_only_verifies_cannot_sign():
    """Signing with a ring whose active key has no private part raises SigningKeyError."""
    jws = jws_of(Key.from_jwk(ATTACKER.public_jwk()))

    with pytest.raises(SigningKeyError, match="can verify, but not sign"):
        jws.sign(PAYLOAD, typ="JWT", headers=None)


def test_what_is_signed_is_strict_and_verifies(signer):
    """A signed token has three unpadded segments and verifies, for every algorithm."""
    jws = jws_of(signer)
    token = jws.sign(PAYLOAD, typ="JWT", headers={"x": 1})

    assert token.count(".") == 2
    assert token.isascii()
    assert "=" not in token
    assert header_of(token)["alg"] == signer.algorithm.name
    assert jws.verify(token).payload == PAYLOAD


@pytest.mark.parametrize("name", ["ES256", "ES384", "ES512", "ES256K"])
def test_ecdsa_agrees_with_pyjwt(name):
    """ECDSA that is prepared once accepts what the object of PyJWT accepts, and nothing else."""
    reference, backend = jwt.get_algorithm_by_name(name), ALGORITHMS[name].backend
    private = ec.generate_private_key(reference.expected_curve())
    public, good = private.public_key(), reference.sign(PAYLOAD, private)
    half = len(good) // 2
    zeros, ones = bytes(half), b"\xff" * half
    halves = [(good[:half], good[half:]), *((a, b) for a in (zeros, ones) for b in (zeros, ones))]
    signatures = [a + b for a, b in (*halves, (good[half:], good[:half]), (good[:half], zeros))]

    for message in (PAYLOAD, b""):
        found = [backend.verify(message, public, each) for each in signatures]
        assert found == [reference.verify(message, public, each) for each in signatures]
        assert any(found) is (message == PAYLOAD)


def test_ecdsa_is_prepared_once():
    """Verifying an ECDSA signature creates no scheme and no hash: each key's algorithm has them."""
    key = SIGNERS["ES256"]
    signature = key.sign(PAYLOAD)
    called = set()
    sys.setprofile(lambda frame, event, _: called.add((event, frame.f_code.co_qualname)))
    try:
        key.verify(PAYLOAD, signature)
    finally:
        sys.setprofile(None)

    assert ("call", "PreparedEcdsa.verify") in called
    assert not [name for event, name in called if event == "call" and name.endswith("__init__")]
