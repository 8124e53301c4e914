"""Keys that can be parsed but must not be used: points of small order, damaged points, weak RSA moduli."""

import json
import math
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519, rsa

from tests.core.key_material import ED_KEY, PEM, RSA_KEY, SPKI
from tests.support import signed
from tokenward import ConfigurationError, Key, KeyDirectory, KeyRing
from tokenward.errors import InvalidKeyError
from tokenward.jose.codec import b64url_encode
from tokenward.keys.jwk_set import JwkSet, UnusableJwkSetError
from tokenward.keys.jwks_file import jwks_file_ring

P25519 = 2**255 - 19
P448 = 2**448 - 2**224 - 1
# (modulus, a, d, order of the base point, bytes of a point), of RFC 8032 section 5.
ED25519 = (
    P25519,
    -1,
    -121_665 * pow(121_666, -1, P25519) % P25519,
    2**252 + 27742317777372353535851937790883648493,
    32,
)
ED448 = (
    P448,
    1,
    -39_081,
    2**446 - 13818066809895115352007386748515426880336692474882178609894547503885,
    57,
)
SMALL_YS = {ED25519: 5, ED448: 3}


def added(one, other, curve):
    """Add two points (RFC 8032 section 5.1.4, in affine coordinates)."""
    p, a, d, *_ = curve
    (x1, y1), (x2, y2) = one, other
    product = d * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, p)
    return x % p, (y1 * y2 - a * x1 * x2) * pow(1 - product, -1, p) % p


def times(number, point, curve):
    """Multiply a point."""
    total = (0, 1)
    for bit in f"{number:b}":
        total = added(total, total, curve)
        if bit == "1":
            total = added(total, point, curve)
    return total


def root_of(square, p):
    """Return a square root modulo p, or None."""
    if p % 4 == 3:
        root = pow(square, (p + 1) // 4, p)
    else:
        root = pow(square, (p + 3) // 8, p)
        if root * root % p != square % p:
            root = root * pow(2, (p - 1) // 4, p) % p
    return root if root * root % p == square % p else None


def point_at(y, curve):
    """Return a point with this y, or None if the curve has no such point."""
    p, a, d, *_ = curve
    x = root_of((1 - y * y) * pow(a - d * y * y, -1, p) % p, p)
    return None if x is None else (x, y)


def small_ys(curve):
    """Return the y of every point whose order divides the cofactor."""
    points = (point_at(y, curve) for y in count(2))
    small = (times(curve[3], point, curve) for point in points if point is not None)
    # The multiples of a point of the greatest small order are all points of small order.
    multiples = ({times(number, each, curve)[1] for number in range(1, 9)} for each in small)
    return sorted(next(found for found in multiples if len(found) == SMALL_YS[curve]))


def encodings(y, curve):
    """Return every encoding of a point with this y: both signs, and y plus the modulus if it fits."""
    p, *_, size = curve
    sign = 1 << (8 * size - 1)
    for value in (y, y + p):
        if value < sign:
            yield value.to_bytes(size, "little")
            yield (value | sign).to_bytes(size, "little")


SMALL = {
    f"{name} {text.hex()}": (name, text)
    for name, curve in (("Ed25519", ED25519), ("Ed448", ED448))
    for y in small_ys(curve)
    for text in encodings(y, curve)
}
OUTSIDE = {
    name: next(y.to_bytes(curve[4], "little") for y in count(2) if point_at(y, curve) is None)
    for name, curve in (("Ed25519", ED25519), ("Ed448", ED448))
}
LOADERS = {
    "Ed25519": ed25519.Ed25519PublicKey.from_public_bytes,
    "Ed448": ed448.Ed448PublicKey.from_public_bytes,
}


def jwk_of(name, text):
    """Return an OKP JWK (RFC 8037)."""
    return {"kty": "OKP", "crv": name, "x": b64url_encode(text), "kid": "planted"}


def test_all_points_of_small_order_are_known():
    """Five y of Ed25519 and three of Ed448 have a small order, in 26 encodings."""
    assert len(small_ys(ED25519)) == 5
    assert len(small_ys(ED448)) == 3
    assert len(SMALL) == 14 + 12


@pytest.mark.parametrize(("name", "text"), SMALL.values(), ids=SMALL)
def test_a_point_of_small_order_is_refused(name, text):
    """Everyone can make signatures for it without a private key: it is refused as JWK and as PEM."""
    pem = LOADERS[name](text).public_bytes(PEM, SPKI)
    for build in (lambda: Key.from_jwk(jwk_of(name, text)), lambda: Key.from_pem(pem)):
        with pytest.raises(InvalidKeyError, match="small order"):
            build()


@pytest.mark.parametrize(("name", "text"), OUTSIDE.items(), ids=OUTSIDE)
def test_a_damaged_point_is_refused(name, text):
    """An encoding that is not a point on the curve is refused, instead of refusing every token later."""
    with pytest.raises(InvalidKeyError, match="not a point"):
        Key.from_jwk(jwk_of(name, text))


def test_a_point_has_one_encoding():
    """A y that is not reduced, or bits beyond it, are refused (RFC 8032 sections 5.1.3 and 5.2.3)."""
    unreduced = next(
        (y + P25519).to_bytes(32, "little") for y in count(2) if point_at(y, ED25519) is not None
    )
    stray = bytearray(ed448.Ed448PrivateKey.generate().public_key().public_bytes_raw())
    stray[-1] |= 1
    for name, text in (("Ed25519", unreduced), ("Ed448", bytes(stray))):
        with pytest.raises(InvalidKeyError, match="not a point"):
            Key.from_jwk(jwk_of(name, text))


IDENTITY = b"\x01" + bytes(31)


class Forger:
    """Makes a signature without a private key: R = the identity, S = 0."""

    algorithm = Key.generate("EdDSA").algorithm
    kid = None

    def sign(self, message):
        """Return the same signature for every message."""
        return IDENTITY + bytes(32)


def test_a_signature_for_such_a_point_needs_no_key():
    """Without the check, the library accepts a signature that was made without a private key."""
    point = ed25519.Ed25519PublicKey.from_public_bytes(IDENTITY)
    token = signed({"sub": "admin"}, key=Forger())
    message, _, _ = token.rpartition(".")
    point.verify(Forger().sign(message.encode()), message.encode())


def test_unfit_keys_are_refused_everywhere(tmp_path):
    """A ring, a PEM file, a JWKS file, a key directory and a remote set refuse such a key."""
    planted = jwk_of("Ed25519", IDENTITY)
    pem = tmp_path / "key.pem"
    pem.write_bytes(LOADERS["Ed25519"](IDENTITY).public_bytes(PEM, SPKI))
    jwks = tmp_path / "keys.json"
    jwks.write_text(json.dumps({"keys": [planted]}))
    for build in (
        lambda: KeyRing.from_jwk(planted),
        lambda: KeyDirectory(tmp_path).load(),
        lambda: jwks_file_ring(jwks),
    ):
        with pytest.raises(ConfigurationError, match="small order"):
            build()
    body = {"keys": [planted, Key.generate("ES256", kid="other").public_jwk()]}
    found = JwkSet.read(json.dumps(body).encode(), algorithms=None, known=None)
    assert [each.kid for each in found.published] == ["other"]
    with pytest.raises(UnusableJwkSetError):
        JwkSet.read(jwks.read_bytes(), algorithms=None, known=None)


MODULUS = RSA_KEY.public_key().public_numbers().n
FACTOR = RSA_KEY.private_numbers().p


def next_prime_like(number):
    """Return the next number that no small number divides."""
    return next(n for n in count(number + 2, 2) if all(n % d for d in range(3, 2_000)))


# Fermat's method tries 32 sums of two primes: this pair has the last one.
LAST_ROUND = next_prime_like(FACTOR + 2 * math.isqrt(63 * FACTOR))
# The primes of such cards are k * PRODUCT + 65537^a, modulo PRODUCT.
PRODUCT = math.prod(n for n in range(2, 702) if all(n % d for d in range(2, math.isqrt(n) + 1)))
ROCA = math.prod(
    k * PRODUCT + pow(65_537, a, PRODUCT)
    for k, a in (
        (8_472_609_067_282_183, 409_822_216_544_430_482),
        (8_606_089_047_439_070, 694_380_627_095_356_785),
    )
)
WEAK = {
    "even": MODULUS - 1,
    "a factor of 3": MODULUS // 3 * 3 | 1 if (MODULUS // 3 * 3) % 2 else MODULUS // 3 * 3 + 3,
    "a factor of 751": MODULUS // 751 * 751 + (751 if (MODULUS // 751) % 2 == 0 else 0),
    "a square": FACTOR * FACTOR,
    "two primes that are close": FACTOR * next_prime_like(FACTOR),
    "two primes with the same half": FACTOR * next_prime_like(FACTOR + 2**500),
    "two primes found in the last round": FACTOR * LAST_ROUND,
    "of a smart card (ROCA)": ROCA,
    "too long": MODULUS**9,
}


@pytest.mark.parametrize("modulus", WEAK.values(), ids=WEAK)
def test_a_weak_rsa_modulus_is_refused(modulus):
    """Even, with a small factor, a square, of two close primes, of a card, or too long for OpenSSL."""
    size = (modulus.bit_length() + 7) // 8
    jwk = {"kty": "RSA", "n": b64url_encode(modulus.to_bytes(size)), "e": "AQAB"}
    assert modulus.bit_length() >= 2047
    pem = rsa.RSAPublicNumbers(65_537, modulus).public_key().public_bytes(PEM, SPKI)
    for build in (lambda: Key.from_jwk(jwk), lambda: Key.from_pem(pem)):
        with pytest.raises(InvalidKeyError, match=r"factored|at most 16384|at least 2048"):
            build()


def test_a_modulus_that_differs_from_those_of_smart_cards_is_accepted():
    """It is a power of 65537 modulo every small prime but the last one."""
    others = (ROCA + PRODUCT // 691 * step for step in count(2, 2))
    modulus = next(
        each
        for each in others
        if math.gcd(each, PRODUCT * 709 * 719 * 727 * 733 * 739 * 743 * 751) == 1
        and each % 691 not in {pow(65_537, exponent, 691) for exponent in range(690)}
    )

    encoded = b64url_encode(modulus.to_bytes(256))
    assert Key.from_jwk({"kty": "RSA", "n": encoded, "e": "AQAB"}).algorithm.name == "RS256"


def test_the_last_round_is_the_32nd():
    """The sum of the two primes is the 32nd above the square root."""
    root = math.isqrt(FACTOR * LAST_ROUND - 1) + 1

    assert (FACTOR + LAST_ROUND) // 2 - root == 31


def test_sound_keys_are_accepted():
    """Keys of a sound library pass every check."""
    for key in (RSA_KEY, ED_KEY, *(ed448.Ed448PrivateKey.generate() for _ in range(20))):
        assert Key.from_pem(key.public_key().public_bytes(PEM, SPKI))
