"""The numbers of a key: strict members, numbers that fit together, and enough bits for RSA."""

from hashlib import shake_256

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.core.key_material import (
    JWKS,
    MEMBERS,
    OTHER_RSA,
    PEM,
    RSA_KEY,
    SPKI,
    private_text,
    public_part_of,
    public_text,
    refused,
)
from tokenward import Key
from tokenward.errors import InvalidSignatureError
from tokenward.jose.codec import b64url_decode, b64url_encode


def rsa_public_jwk(*, bits=2048, exponent=65_537):
    """Return a public JWK of a random modulus; only its form matters."""
    digits = int.from_bytes(shake_256(b"modulus").digest(bits // 8 - 1))
    modulus = (1 << (bits - 1)) | digits | 1
    while any(modulus % factor == 0 for factor in range(3, 752)):
        modulus += 2
    length = max(1, (exponent.bit_length() + 7) // 8)
    return {
        "kty": "RSA",
        "n": b64url_encode(modulus.to_bytes((bits + 7) // 8)),
        "e": b64url_encode(exponent.to_bytes(length)),
    }


@pytest.mark.parametrize("bits", [512, 1024, 2047])
def test_a_small_rsa_jwk_is_refused(bits):
    """An RSA key of fewer than 2,048 bits is refused."""
    jwk = rsa_public_jwk(bits=bits)

    assert "2048" in refused(lambda: Key.from_jwk(jwk), jwk["n"])


@pytest.mark.parametrize("bits", [2048, 2049, 4096, 16_384])
def test_an_rsa_jwk_of_enough_bits_is_accepted(bits):
    """An RSA key of 2,048 bits or more is accepted, with signatures as long as its modulus."""
    key = Key.from_jwk(rsa_public_jwk(bits=bits))

    assert key.algorithm.name == "RS256"
    for length in ((bits + 7) // 8, (bits + 7) // 8 + 1, 0):
        with pytest.raises(InvalidSignatureError):
            key.verify(b"message", b"\x00" * length)


@pytest.mark.parametrize("write", [private_text, public_text])
@pytest.mark.parametrize("bits", [1024, 1536])
def test_a_small_rsa_pem_is_refused(bits, write):
    """A small RSA key is refused in PEM too, private or public."""
    pem = write(rsa.generate_private_key(65_537, bits))

    assert str(bits) in refused(lambda: Key.from_pem(pem), pem)


@pytest.mark.parametrize(
    "exponent", [0, 1, 2, 3, 17, 257, 65_535, 65_536, 65_538, 2**32, 2**256 + 1, 2**300 + 1]
)
def test_a_bad_rsa_exponent_is_refused(exponent):
    """An exponent that is even, below 65,537 or longer than 256 bits is refused."""
    jwk = rsa_public_jwk(exponent=exponent)

    refused(lambda: Key.from_jwk(jwk), jwk["n"])


@pytest.mark.parametrize("exponent", [65_537, 65_539, 2**32 + 1, 2**256 - 1])
def test_a_good_rsa_exponent_is_accepted(exponent):
    """An odd exponent from 65,537 up to 256 bits is accepted."""
    assert Key.from_jwk(rsa_public_jwk(exponent=exponent)).algorithm.key_type == "RSA"


@pytest.mark.parametrize("exponent", [3, 17])
def test_a_tiny_exponent_in_a_pem_is_refused(exponent):
    """An RSA key with a tiny exponent is refused in PEM too."""
    modulus = RSA_KEY.public_key().public_numbers().n
    pem = rsa.RSAPublicNumbers(exponent, modulus).public_key().public_bytes(PEM, SPKI)

    assert "65537" in refused(lambda: Key.from_pem(pem), pem)


REQUIRED = [(kty, member) for kty, member in MEMBERS if member in {"k", "n", "e", "x", "y"}]


@pytest.mark.parametrize(("kty", "member"), [*REQUIRED, ("EC", "crv"), ("OKP", "crv")])
def test_a_missing_member_is_refused(kty, member):
    """A JWK without a member that its type requires is refused, private or public."""
    jwk = {name: value for name, value in JWKS[kty].items() if name != member}

    refused(lambda: Key.from_jwk(jwk), *jwk.values())
    refused(lambda: Key.from_jwk(public_part_of(jwk)))


@pytest.mark.parametrize("member", ["p", "q", "dp", "dq", "qi"])
def test_an_incomplete_set_of_primes_is_refused(member):
    """An RSA JWK with only some of the optional private members is refused."""
    jwk = {name: value for name, value in JWKS["RSA"].items() if name != member}

    refused(lambda: Key.from_jwk(jwk), jwk["d"])


def test_an_rsa_jwk_of_many_primes_is_refused():
    """An RSA JWK with more than two primes is refused."""
    jwk = {**JWKS["RSA"], "oth": [{"r": "AQAB", "d": "AQAB", "t": "AQAB"}]}

    refused(lambda: Key.from_jwk(jwk), jwk["d"])


def with_stray_bits(text):
    """Change the last character so that a lenient parser still returns the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


@pytest.mark.parametrize(("kty", "member"), MEMBERS)
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: text + "=" * (-len(text) % 4 or 4), id="padding"),
        pytest.param(lambda text: text + "\n", id="line break"),
        pytest.param(lambda text: " " + text, id="space"),
        pytest.param(lambda text: "+" + text[1:], id="plus"),
        pytest.param(lambda text: text[:-1] + "/", id="slash"),
        pytest.param(lambda text: text[:2] + "ü" + text[3:], id="non-ASCII"),
        pytest.param(lambda text: text[:2] + "\ud800" + text[3:], id="lone surrogate"),
        pytest.param(lambda _text: "", id="empty"),
        pytest.param(lambda _text: "A", id="one letter"),
        pytest.param(lambda _text: None, id="null"),
        pytest.param(lambda _text: 65_537, id="number"),
        pytest.param(lambda text: [text], id="array"),
        pytest.param(lambda text: text.encode(), id="bytes"),
    ],
)
def test_members_must_be_strict_base64url_text(kty, member, spoil):
    """A member with padding, white space, a wrong character or another JSON type is refused."""
    value = spoil(JWKS[kty][member])
    jwk = {**JWKS[kty], member: value}

    message = refused(lambda: Key.from_jwk(jwk), JWKS[kty][member])

    assert f"'{member}'" in message


@pytest.mark.parametrize(
    ("kty", "member"), [each for each in MEMBERS if len(JWKS[each[0]][each[1]]) % 4]
)
def test_stray_bits_in_a_member_are_refused(kty, member):
    """A member whose last character has bits that belong to no byte is refused."""
    jwk = {**JWKS[kty], member: with_stray_bits(JWKS[kty][member])}

    assert f"'{member}'" in refused(lambda: Key.from_jwk(jwk), JWKS[kty][member])


def changed(text):
    """Return strict base64url of the same length with other bytes."""
    data = bytearray(b64url_decode(text))
    data[-1] ^= 1
    return b64url_encode(bytes(data))


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"y": changed(JWKS["EC"]["y"])}, id="another y"),
        pytest.param({"x": changed(JWKS["EC"]["x"])}, id="another x"),
        pytest.param({"x": JWKS["EC"]["y"], "y": JWKS["EC"]["x"]}, id="swapped"),
        pytest.param({"x": b64url_encode(bytes(32)), "y": b64url_encode(bytes(32))}, id="zero"),
        pytest.param({"x": b64url_encode(b"\xff" * 32)}, id="past the prime"),
        pytest.param({"x": b64url_encode(bytes(1) + b64url_decode(JWKS["EC"]["x"]))}, id="long x"),
        pytest.param({"y": b64url_encode(b64url_decode(JWKS["EC"]["y"])[1:])}, id="short y"),
        pytest.param({"x": b64url_encode(bytes(64))}, id="very long x"),
        pytest.param({"crv": "P-384"}, id="P-384"),
        pytest.param({"crv": "P-521"}, id="P-521"),
        pytest.param({"crv": "secp256k1"}, id="secp256k1"),
        pytest.param({"crv": "P-192"}, id="P-192"),
        pytest.param({"crv": "p-256"}, id="p-256"),
        pytest.param({"crv": "Ed25519"}, id="Ed25519"),
        pytest.param({"crv": None}, id="null"),
        pytest.param({"crv": ["P-256"]}, id="array"),
    ],
)
def test_a_point_that_is_not_on_its_curve_is_refused(changes):
    """An EC JWK whose point is not on its curve is refused, private or public."""
    jwk = {**JWKS["EC"], **changes}

    refused(lambda: Key.from_jwk(jwk), jwk["d"], jwk["x"], jwk["y"])
    refused(lambda: Key.from_jwk(public_part_of(jwk)), jwk["x"], jwk["y"])


@pytest.mark.parametrize(
    "private",
    [
        pytest.param(changed(JWKS["EC"]["d"]), id="of another key"),
        pytest.param(b64url_encode(bytes(32)), id="zero"),
        pytest.param(b64url_encode(bytes(31) + b"\x01"), id="one"),
        pytest.param(b64url_encode(P256_ORDER.to_bytes(32)), id="the order"),
        pytest.param(b64url_encode((P256_ORDER + 1).to_bytes(32)), id="past the order"),
        pytest.param(b64url_encode(b64url_decode(JWKS["EC"]["d"])[1:]), id="short"),
        pytest.param(b64url_encode(bytes(1) + b64url_decode(JWKS["EC"]["d"])), id="long"),
    ],
)
def test_a_private_part_of_another_ec_key_is_refused(private):
    """An EC JWK whose `d` does not belong to its point is refused."""
    refused(lambda: Key.from_jwk({**JWKS["EC"], "d": private}), private)


def test_the_negative_of_a_private_part_is_refused():
    """An EC JWK whose `d` has the right `x` but the other `y` is refused."""
    number = P256_ORDER - int.from_bytes(b64url_decode(JWKS["EC"]["d"]))
    private = b64url_encode(number.to_bytes(32))

    refused(lambda: Key.from_jwk({**JWKS["EC"], "d": private}), private)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"d": changed(JWKS["OKP"]["d"])}, id="d of another key"),
        pytest.param({"x": changed(JWKS["OKP"]["x"])}, id="x of another key"),
        pytest.param({"d": b64url_encode(bytes(31))}, id="short d"),
        pytest.param({"d": b64url_encode(bytes(57))}, id="d of Ed448"),
        pytest.param({"x": b64url_encode(bytes(33))}, id="long x"),
        pytest.param({"crv": "Ed448"}, id="Ed448"),
        pytest.param({"crv": "X25519"}, id="X25519"),
        pytest.param({"crv": "P-256"}, id="P-256"),
        pytest.param({"crv": None}, id="null"),
        pytest.param({"crv": {"Ed25519": 1}}, id="object"),
    ],
)
def test_an_okp_key_whose_members_do_not_belong_together_is_refused(changes):
    """An OKP JWK of another curve, length or private part is refused."""
    jwk = {**JWKS["OKP"], **changes}

    refused(lambda: Key.from_jwk(jwk), jwk["d"], jwk["x"])


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param({**JWKS["RSA"], "d": OTHER_RSA["d"]}, id="with primes"),
        pytest.param({**public_part_of(JWKS["RSA"]), "d": OTHER_RSA["d"]}, id="without primes"),
        pytest.param({**JWKS["RSA"], "n": OTHER_RSA["n"]}, id="another modulus"),
        pytest.param({**JWKS["RSA"], "p": OTHER_RSA["p"]}, id="another prime"),
        pytest.param({**public_part_of(JWKS["RSA"]), "d": "AQ"}, id="one"),
        pytest.param({**public_part_of(JWKS["RSA"]), "d": "AQ", "e": "AQ"}, id="one and one"),
        pytest.param({**JWKS["RSA"], "n": "AA"}, id="no modulus"),
    ],
)
def test_a_private_part_of_another_rsa_key_is_refused(jwk):
    """An RSA JWK whose private members do not belong to its modulus is refused."""
    refused(lambda: Key.from_jwk(jwk), jwk["d"] if len(jwk["d"]) > 2 else "")
