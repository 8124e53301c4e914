"""A key, bound to exactly one algorithm (RFC 8725 §3.1): what it is made of, and what it can do."""

import secrets
import warnings
from collections.abc import Mapping
from typing import Final, Self, cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hmac import HMAC
from pydantic import JsonValue

from tokenward.errors import InvalidKeyError, InvalidSignatureError, SigningKeyError
from tokenward.jose.algorithms import (
    Algorithm,
    PreparedHmac,
    PrivateKey,
    PublicKey,
    algorithm_named,
)
from tokenward.jose.codec import b64url_encode
from tokenward.jose.key_kinds import (
    algorithm_for,
    fitting_algorithms,
    public_members,
    signature_bytes_of,
    thumbprint_of,
)
from tokenward.jose.key_loading import (
    as_bytes,
    check_jwk_allows_verifying,
    check_secret,
    load_jwk,
    load_pem,
    public_part,
)
from tokenward.jose.weak_keys import check_key_object

__all__ = ["Key", "WeakSecretWarning"]

_GENERATED_RSA_BITS: Final = 3072  # NIST SP 800-57: 128 bits of security, as ES256 and EdDSA have.
_EC_CURVES: Final[Mapping[str, type[ec.EllipticCurve]]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
    "ES256K": ec.SECP256K1,
}


class WeakSecretWarning(UserWarning):
    """A secret is too short to keep anybody from guessing it."""


class Key:
    """One key, one algorithm.

    Build it with `from_secret`, `from_pem`, `from_jwk` or `generate`; every check is made there, so
    that a `Key` that exists is fit for use. It never shows its material.
    """

    __slots__ = (
        "_algorithm", "_is_named", "_kid", "_secret", "_signature_bytes", "_signing", "_verifying",
    )  # fmt: skip

    def __init__(
        self,
        material: bytes | PrivateKey | PublicKey,
        algorithm: Algorithm,
        kid: str | None,
        *,
        may_be_short: bool = False,
    ) -> None:
        """Bind material that is parsed already; the class methods parse it first."""
        if algorithm.name not in (row.name for row in fitting_algorithms(material)):
            msg = f"{algorithm.name} does not take a key of this kind."
            raise InvalidKeyError(msg)
        self._secret = material if isinstance(material, bytes) else None
        self._signing: HMAC | PrivateKey | None
        self._verifying: HMAC | PublicKey
        if isinstance(material, bytes):
            check_secret(material, algorithm, may_be_short=may_be_short)
            self._signing = self._verifying = cast("PreparedHmac", algorithm.backend).keyed(
                material
            )
        else:
            check_key_object(material)
            self._signing = material if isinstance(material, PrivateKey) else None
            self._verifying = public_part(material)
        if kid is not None and (not isinstance(kid, str) or not kid):
            msg = "The key id must be text that is not empty."
            raise InvalidKeyError(msg)
        self._algorithm = algorithm
        self._signature_bytes = signature_bytes_of(self._verifying, algorithm)
        self._is_named = kid is not None
        self._kid = self.thumbprint if kid is None else kid

    def __deepcopy__(self, memo: object) -> Self:
        """Stay the same: nothing of it ever changes, and its secret is in memory once."""
        return self

    @classmethod
    def from_secret(
        cls, secret: str | bytes, *, algorithm: str = "HS256", kid: str | None = None
    ) -> Self:
        """Make an HMAC key.

        Args:
            secret: at least as long as the hash: 32, 48 or 64 bytes (RFC 7518 §3.2). Text is taken
                as its UTF-8 bytes. Its randomness is *not* checked.
            algorithm: HS256, HS384 or HS512.
            kid: the key id. There is none by default, because an id made from a secret would give
                a guesser something to test guesses against; rings of several secrets need it.

        Raises:
            InvalidKeyError: too short, or the text of a PEM, DER, SSH or JWK key.
            ConfigurationError: the algorithm is unknown.
        """
        return cls(as_bytes(secret, "secret"), _hmac_named(algorithm), kid)

    @classmethod
    def from_weak_secret(
        cls, secret: str | bytes, *, algorithm: str = "HS256", kid: str | None = None
    ) -> Self:
        """Make an HMAC key of a secret that may be too short, for tokens that exist.

        Whoever holds one token can guess such a secret, and then sign as they like. Warns with
        `WeakSecretWarning` where the secret is shorter than `from_secret` takes.

        Args:
            secret: see `from_secret`; at least one byte.
            algorithm: see `from_secret`.
            kid: see `from_secret`.

        Raises:
            InvalidKeyError: empty, or the text of a PEM, DER, SSH or JWK key.
            ConfigurationError: the algorithm is unknown.
        """
        row, material = _hmac_named(algorithm), as_bytes(secret, "secret")
        key = cls(material, row, kid, may_be_short=True)
        if len(material) < row.digest_bytes:
            warnings.warn(
                f"The secret for {row.name} is shorter than {row.digest_bytes} bytes "
                "(RFC 7518 §3.2): it can be guessed from a single token. Replace it.",
                WeakSecretWarning,
                stacklevel=2,
            )
        return key

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        *,
        algorithm: str | None = None,
        password: str | bytes | None = None,
        kid: str | None = None,
    ) -> Self:
        """Load a PEM key: private (it signs and verifies) or public (it verifies only).

        Args:
            pem: the PEM text.
            algorithm: for RSA, RS256 by default; for other keys the curve decides.
            password: of an encrypted private key.
            kid: the key id; by default the RFC 7638 thumbprint of the public key.

        Raises:
            InvalidKeyError: unreadable, a wrong password, too small, or unfit for the algorithm.
            ConfigurationError: the algorithm is unknown.
        """
        # An empty password is none: an environment variable that is not set, say.
        secret = as_bytes(password, "password") if password else None
        material = load_pem(as_bytes(pem, "PEM"), secret)
        return cls(material, algorithm_for(material, algorithm), kid)

    @classmethod
    def from_jwk(
        cls,
        jwk: Mapping[str, JsonValue],
        *,
        algorithm: str | None = None,
        kid: str | None = None,
    ) -> Self:
        """Load a JSON Web Key (RFC 7517): oct, RSA, EC or OKP, private or public.

        Args:
            jwk: the parsed JSON object.
            algorithm: when the JWK has no ``alg``; without either, HS256 for oct, RS256 for RSA,
                and what the curve says for the others.
            kid: the key id; by default the JWK's own, else the RFC 7638 thumbprint (none for oct).

        Raises:
            InvalidKeyError: members missing or not strict base64url, an EC point off its curve,
                ``use`` or ``key_ops`` that forbid verifying, an ``alg`` that does not fit.
            ConfigurationError: the algorithm is unknown.
        """
        material = load_jwk(jwk)
        is_private = isinstance(material, PrivateKey)
        check_jwk_allows_verifying(jwk, is_private=is_private)
        named = jwk.get("alg", algorithm)
        if not isinstance(named, str | None) or (algorithm is not None and named != algorithm):
            msg = "The JWK's 'alg' is another algorithm than the one asked for."
            raise InvalidKeyError(msg)
        own_kid = jwk.get("kid") if kid is None else kid
        if not isinstance(own_kid, str | None):
            msg = "The JWK's 'kid' must be text."
            raise InvalidKeyError(msg)
        key = cls(material, algorithm_for(material, named), own_kid)
        operations = jwk.get("key_ops")
        if isinstance(operations, list) and "sign" not in operations:
            key._signing = None
        return key

    @classmethod
    def generate(cls, algorithm: str = "EdDSA", *, kid: str | None = None) -> Self:
        """Make a new key from the system's randomness.

        It lives in this process alone: tokens end with it, and other processes cannot verify them.

        Args:
            algorithm: any of the table; EdDSA makes an Ed25519 key, RSA ones have 3,072 bits.
            kid: the key id; see `from_secret` and `from_pem` for the defaults.

        Raises:
            ConfigurationError: the algorithm is unknown.
        """
        row = algorithm_named(algorithm)
        material: bytes | PrivateKey
        if row.key_type == "oct":
            material = secrets.token_bytes(row.digest_bytes)
        elif row.key_type == "RSA":
            material = rsa.generate_private_key(65_537, _GENERATED_RSA_BITS)
        elif row.key_type == "EC":
            material = ec.generate_private_key(_EC_CURVES[row.name]())
        else:
            material = ed25519.Ed25519PrivateKey.generate()
        key = cls(material, row, kid)
        # Nobody has used a new key under another id.
        key._is_named = key.kid is not None
        return key

    @property
    def algorithm(self) -> Algorithm:
        """The row of the algorithm table to which the key is bound."""
        return self._algorithm

    @property
    def kid(self) -> str | None:
        """The key id that goes into headers (RFC 7515 §4.1.4); a secret has none by default."""
        return self._kid

    @property
    def is_named(self) -> bool:
        """Whether the key id was given, or the key was made by `generate`.

        Otherwise the issuer of its tokens may use another id: a ring in which the key is the only
        one of its algorithm verifies tokens with it whatever ``kid`` they name.
        """
        return self._is_named

    @property
    def thumbprint(self) -> str | None:
        """The RFC 7638 thumbprint of the public half; None for a secret, which has none."""
        if isinstance(self._verifying, HMAC):
            return None
        return thumbprint_of(self._verifying)

    @property
    def can_sign(self) -> bool:
        """Whether there is a private part."""
        return self._signing is not None

    def sign(self, message: bytes) -> bytes:
        """Sign.

        Raises:
            SigningKeyError: the key has no private part.
        """
        if self._signing is None:
            raise SigningKeyError
        return self._algorithm.backend.sign(message, self._signing)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Return when the signature is of this message and this key; there is no False to forget.

        Raises:
            InvalidSignatureError: it is not, or its length is not that of the algorithm.
        """
        if len(signature) != self._signature_bytes or not self._algorithm.backend.verify(
            message, self._verifying, signature
        ):
            raise InvalidSignatureError

    def public_jwk(self) -> dict[str, JsonValue]:
        """Give the public half as a JWK (RFC 7517), with ``kid``, ``alg`` and ``use``.

        Raises:
            InvalidKeyError: the key is a secret, and has no public half.
        """
        if isinstance(self._verifying, HMAC):
            msg = "A secret has no public half: it cannot be published."
            raise InvalidKeyError(msg)
        members = public_members(self._verifying)
        return {**members, "kid": self.kid, "alg": self.algorithm.name, "use": "sig"}

    def private_pem(self) -> bytes:
        """Give the private half as unencrypted PEM (PKCS #8, RFC 5958), to be kept in a safe place.

        Whoever holds it signs as you do, until every verifier has let the key go.

        Raises:
            SigningKeyError: the key has no private half.
            InvalidKeyError: the key is a secret; see `secret_jwk`.
        """
        if isinstance(self._verifying, HMAC):
            msg = "A secret has no PEM form: use secret_jwk."
            raise InvalidKeyError(msg)
        if not isinstance(self._signing, PrivateKey):
            raise SigningKeyError
        return self._signing.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def secret_jwk(self) -> dict[str, JsonValue]:
        """Give a secret as a JWK (RFC 7518 §6.4), to be kept in a safe place.

        Whoever holds it signs as you do, and that includes all who verify with it.

        Raises:
            InvalidKeyError: the key is no secret; see `private_pem` and `public_jwk`.
        """
        if self._secret is None:
            msg = "This key is no secret: use private_pem or public_jwk."
            raise InvalidKeyError(msg)
        members: dict[str, JsonValue] = {"kty": "oct", "k": b64url_encode(self._secret)}
        if self.kid is not None:
            members["kid"] = self.kid
        if not self.can_sign:
            members["key_ops"] = ["verify"]
        return {**members, "alg": self.algorithm.name, "use": "sig"}

    def __repr__(self) -> str:
        """Say what it is, and nothing of what it holds."""
        return f"Key(kid={self.kid!r}, algorithm={self.algorithm.name!r}, can_sign={self.can_sign})"


def _hmac_named(name: str) -> Algorithm:
    row = algorithm_named(name)
    if row.key_type != "oct":
        msg = f"{row.name} does not take a secret. Use from_pem, from_jwk or generate."
        raise InvalidKeyError(msg)
    return row
