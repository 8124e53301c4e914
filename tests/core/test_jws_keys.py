"""Which key verifies a token: the one of its `kid` and algorithm, never one in its header."""

import base64
import dataclasses
import socket

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import HMACAlgorithm

from tests.core import jws_tokens
from tests.core.jws_tokens import ATTACKER, BODY, PAYLOAD, header_of, jws_of, refused, segment
from tests.support import OTHER_SECRET, SECRET, signed
from tokenward import Key
from tokenward.errors import AlgorithmMismatchError, InvalidSignatureError, UnknownKeyError
from tokenward.jose.algorithms import ALGORITHMS
from tokenward.jose.codec import b64url_encode

# Imported so that pytest finds the fixtures.
backend, key, jws = jws_tokens.backend, jws_tokens.key, jws_tokens.jws


def embedded(key):
    """Return headers in which a sender offers its own key."""
    url = "http://127.0.0.1:1/keys.json"
    return {
        "jwk": key.public_jwk(),
        "jku": url,
        "x5u": url,
        "x5c": [base64.b64encode(b"certificate").decode()],
        "x5t": "AAAA",
        "x5t#S256": "AAAA",
    }


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"])
def test_a_key_inside_the_header_is_not_used(name):
    """A token is refused if it is signed with the key that its header offers."""
    trusted = Key.generate("ES256", kid="trusted")
    jws = jws_of(trusted)
    offered = {name: embedded(ATTACKER)[name]}

    named = signed(PAYLOAD, key=ATTACKER, header={"alg": "ES256", "kid": "trusted", **offered})
    refused(jws, named, InvalidSignatureError)
    without_id = signed(PAYLOAD, key=ATTACKER, header={"alg": "ES256", **offered})
    refused(jws, without_id, InvalidSignatureError)
    own_id = signed(PAYLOAD, key=ATTACKER, header={"alg": "ES256", "kid": "attacker", **offered})
    refused(jws, own_id, UnknownKeyError)


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
@pytest.mark.parametrize("value", [None, 7, "", [], {"kty": "oct", "k": "AAAA"}, "http://[::1"])
def test_a_key_inside_the_header_is_ignored(jws, name, value):
    """With a valid signature, headers that offer keys are ignored, valid or not."""
    token = signed(PAYLOAD, header={"alg": "HS256", name: value})

    assert jws.verify(token).payload == PAYLOAD


def test_nothing_is_fetched_for_a_header(jws):
    """A token whose `jku` and `x5u` name a listening server is verified without a connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/keys.json"
        token = signed(PAYLOAD, header={"alg": "HS256", "jku": url, "x5u": url})

        assert jws.verify(token).payload == PAYLOAD
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "other",
        "../../dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "' UNION SELECT 'secret' --",
        "key; DROP TABLE keys",
        "http://attacker.example/key",
        "NAMED",
        "named ",
        "named\x00",
        "\ud800",
        "$(id)",
        "{kid}",
        "x" * 8_000,
    ],
)
def test_an_unknown_key_id_is_refused(backend, kid):
    """A `kid` is looked up exactly: a path or SQL is an unknown id like any other."""
    row = dataclasses.replace(ALGORITHMS["HS256"], backend=backend)
    key = Key(SECRET.encode(), row, "named")
    token = signed(PAYLOAD, key=key, header={"alg": "HS256", "kid": kid})

    error = refused(jws_of(key), token, UnknownKeyError)

    assert error.code == "key_unknown"
    assert not kid or kid not in str(error)
    assert backend.asked == 0


@pytest.mark.parametrize("kid", ["named", "../../dev/null", "' OR 1=1", "ключ", "\U0001f511", " "])
def test_a_known_key_id_of_any_text_is_found(kid):
    """A key whose id is a path, SQL or any other text is found by exactly that id."""
    key, other = Key.from_secret(SECRET, kid=kid), Key.from_secret(OTHER_SECRET, kid="other")
    jws = jws_of(key, other)
    token = jws.sign(PAYLOAD, typ="JWT", headers=None)

    assert header_of(token)["kid"] == kid
    assert jws.verify(token).payload == PAYLOAD
    refused(jws, signed(PAYLOAD, key=other, header=header_of(token)), InvalidSignatureError)


def test_the_key_id_selects_the_key_not_the_algorithm():
    """A known `kid` with the algorithm of another key of the ring is a mismatch."""
    curve, secret = Key.generate("ES256", kid="curve"), Key.from_secret(SECRET, kid="secret")
    jws = jws_of(curve, secret)
    token = signed(PAYLOAD, key=secret, header={"alg": "HS256", "kid": "curve"})

    refused(jws, token, AlgorithmMismatchError)


def test_the_public_key_as_a_secret_is_refused():
    """A token that is signed by HMAC, with the text of the public key as the secret, is refused."""
    private = rsa.generate_private_key(65_537, 2048)
    public = private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key = Key.from_pem(pem, kid="rsa")
    for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "rsa"}):
        message = f"{segment(header)}.{BODY}"
        mac = HMACAlgorithm(HMACAlgorithm.SHA256).sign(message.encode(), pem)
        refused(jws_of(key), f"{message}.{b64url_encode(mac)}", AlgorithmMismatchError)


def test_without_a_key_id_the_only_key_of_the_algorithm_is_tried():
    """A token without `kid` is verified if the ring has exactly one key of its algorithm."""
    curve, secret = Key.generate("ES256", kid="curve"), Key.from_secret(SECRET, kid="secret")
    jws = jws_of(curve, secret)

    for key in (curve, secret):
        token = signed(PAYLOAD, key=key, header={"alg": key.algorithm.name})
        assert jws.verify(token).payload == PAYLOAD


def test_without_a_key_id_several_keys_are_not_tried():
    """A token without `kid` is refused if the ring has several keys of its algorithm."""
    one, two = Key.from_secret(SECRET, kid="one"), Key.from_secret(OTHER_SECRET, kid="two")

    refused(jws_of(one, two), signed(PAYLOAD, header={"alg": "HS256"}), UnknownKeyError)
