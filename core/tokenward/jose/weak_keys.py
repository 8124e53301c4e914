"""Refuses public keys that are weak, or for which everyone can make signatures.

The checks are cheap (well under a millisecond for usual keys). They find broken generators, damaged
files and planted keys, but do not prove that a key is strong.
"""

import math
import warnings
from functools import cache
from itertools import count, islice
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from tokenward.errors import InvalidKeyError
from tokenward.jose.algorithms import PrivateKey, PublicKey
from tokenward.jose.key_kinds import curve_of, public_part

__all__ = ["WeakKeyWarning", "check_key_object", "warn_of_short_rsa"]

MIN_RSA_BITS: Final = 2048
# OpenSSL does not verify with a longer modulus.
MAX_RSA_BITS: Final = 16_384
# FIPS 186-5 §A.1.1: odd, and 2^16 < e < 2^256.
MIN_RSA_EXPONENT: Final = 65_537
MAX_RSA_EXPONENT_BITS: Final = 256
# NIST SP 800-89 §5.3.3: a modulus has no factor smaller than 752.
_PRIMES: Final = [n for n in range(2, 752) if all(n % d for d in range(2, math.isqrt(n) + 1))]
_SMALL_PRIMES: Final = math.prod(_PRIMES)
# The primes on which the generator of ROCA keys of 2,048 bits and more is built.
_ROCA_PRIMES: Final = [prime for prime in _PRIMES if 2 < prime <= 701]  # noqa: PLR2004
# Fermat's method finds close primes in the first rounds (CVE-2022-26320).
_FERMAT_ROUNDS: Final = 32


class _Edwards(NamedTuple):
    """The curve a·x² + y² = 1 + d·x²·y² over the integers modulo p (RFC 8032 §5.1 and §5.2)."""

    p: int
    a: int
    d: int
    small_order: frozenset[int]
    """The y coordinates of the points whose order divides the cofactor."""


_P25519: Final = 2**255 - 19
_P448: Final = 2**448 - 2**224 - 1
_Y_OF_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_EDWARDS: Final = {
    "Ed25519": _Edwards(
        _P25519,
        -1,
        -121_665 * pow(121_666, -1, _P25519),
        frozenset({0, 1, _P25519 - 1, _Y_OF_ORDER_8, _P25519 - _Y_OF_ORDER_8}),
    ),
    "Ed448": _Edwards(_P448, 1, -39_081, frozenset({0, 1, _P448 - 1})),
}


class WeakKeyWarning(UserWarning):
    """An RSA key is so short that its private half can be found."""


def check_key_object(key: PrivateKey | PublicKey, *, short_rsa_for: str | None = None) -> None:
    """Refuse a parsed key that is weak, or on a curve that no algorithm takes.

    Args:
        key: the key.
        short_rsa_for: an algorithm. RSA keys may then be as short as its signatures allow.

    Raises:
        InvalidKeyError: RSA under 2,048 or over 16,384 bits, with an even exponent or one out of
            range, or with a modulus that is easily factored; an unsupported curve; an Edwards point
            of small order, or one that is not on its curve.

    Not checked: that an RSA modulus is not prime and has no other weakness.
    """
    public = public_part(key)
    if isinstance(public, rsa.RSAPublicKey):
        _check_rsa(public, _shortest_rsa(short_rsa_for) if short_rsa_for else MIN_RSA_BITS)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        if curve_of(public) is None:
            msg = "The EC key's curve must be P-256, P-384, P-521 or secp256k1."
            raise InvalidKeyError(msg)
    else:
        _check_edwards(public)


def warn_of_short_rsa(key: PrivateKey | PublicKey, *, stacklevel: int) -> None:
    """Warn if a key is an RSA key under 2,048 bits."""
    public = public_part(key)
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < MIN_RSA_BITS:
        warnings.warn(
            f"The RSA key has less than {MIN_RSA_BITS} bits (RFC 7518 §3.3): its private half can "
            "be found from its public half. Replace it.",
            WeakKeyWarning,
            stacklevel=stacklevel + 1,
        )


def _shortest_rsa(algorithm: str) -> int:
    """Return the bits that an RSA key needs for the signatures of an algorithm."""
    hash_bytes = int(algorithm[2:]) // 8
    if algorithm.startswith("PS"):
        # RFC 8017 §9.1.1: hash, salt and two bytes; the message is one bit shorter than the key.
        return 8 * (2 * hash_bytes + 1) + 2
    # RFC 8017 §9.2: the hash, 19 bytes that name it, and 11 of padding.
    return 8 * (hash_bytes + 19 + 10) + 1


def _check_rsa(public: rsa.RSAPublicKey, min_bits: int) -> None:
    bits = public.key_size
    if not min_bits <= bits <= MAX_RSA_BITS:
        msg = (
            f"The RSA key has {bits} bits; it must have at least {min_bits} "
            f"and at most {MAX_RSA_BITS}."
        )
        raise InvalidKeyError(msg)

    numbers = public.public_numbers()
    exponent, modulus = numbers.e, numbers.n
    too_long = exponent.bit_length() > MAX_RSA_EXPONENT_BITS
    if exponent < MIN_RSA_EXPONENT or exponent % 2 == 0 or too_long:
        msg = f"The RSA key's exponent must be odd, at least {MIN_RSA_EXPONENT}, below 2^256."
        raise InvalidKeyError(msg)

    is_factored = math.gcd(modulus, _SMALL_PRIMES) != 1 or _has_close_factors(modulus)
    if is_factored or _has_roca_fingerprint(modulus):
        msg = "The RSA key's modulus is easily factored: the key is damaged or was generated badly."
        raise InvalidKeyError(msg)


def _has_close_factors(modulus: int) -> bool:
    """Try Fermat's factorisation: (s + d) * (s - d) for the first few s above the square root."""
    for s in islice(count(math.isqrt(modulus - 1) + 1), _FERMAT_ROUNDS):
        rest = s * s - modulus
        if math.isqrt(rest) ** 2 == rest:
            return True
    return False


def _has_roca_fingerprint(modulus: int) -> bool:
    """Whether a modulus is a power of 65537 modulo every small prime (CVE-2017-15361).

    Smart cards and TPMs of one vendor made such keys. No other key has this property by accident.
    """
    return all(pow(modulus, _order_of_65537(prime), prime) == 1 for prime in _ROCA_PRIMES)


@cache
def _order_of_65537(prime: int) -> int:
    """Return the first exponent at which 65537 is 1 modulo a prime."""
    return next(exponent for exponent in count(1) if pow(65_537, exponent, prime) == 1)


def _check_edwards(public: ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) -> None:
    name = curve_of(public) or ""
    curve = _EDWARDS[name]
    p = curve.p
    encoded = int.from_bytes(public.public_bytes_raw(), "little")
    # RFC 8032 §5.1.2 and §5.2.2: the last bit is the sign of x, the other bits are y.
    y = encoded % (1 << (8 * len(public.public_bytes_raw()) - 1))
    if y % p in curve.small_order:
        msg = f"The {name} key is a point of small order: everyone can make signatures for it."
        raise InvalidKeyError(msg)

    # x² = (1 - y²) / (a - d * y²) has a root if the product of both is a square (Euler).
    square = (1 - y * y) * (curve.a - curve.d * y * y)
    if y >= p or pow(square, (p - 1) // 2, p) != 1:
        msg = f"The {name} key is not a point on its curve: it is damaged."
        raise InvalidKeyError(msg)
