"""A key that is bound to exactly one algorithm (RFC 8725 §3.1)."""

from collections.abc import Mapping
from typing import Self

from cryptography.hazmat.primitives.hmac import HMAC
from pydantic import JsonValue

from tokenward._arguments import as_bytes
from tokenward.errors import InvalidSignatureError, SigningKeyError
from tokenward.jose.algorithms import Algorithm, PrivateKey, PublicKey, algorithm_named
from tokenward.jose.hmac_secrets import (
    SecretEncoding,
    hmac_algorithm_named,
    keyed_hmac,
    secret_bytes,
    warn_of_weak_secret,
)
from tokenward.jose.jwk_keys import jwk_algorithm, jwk_allows_signing, jwk_kid, load_jwk
from tokenward.jose.key_export import ExportMethods
from tokenward.jose.key_generation import generate_material
from tokenward.jose.key_kinds import (
    algorithm_for,
    algorithm_names,
    check_binding,
    public_part,
    signature_bytes_of,
    thumbprint_of,
)
from tokenward.jose.pem_keys import load_pem
from tokenward.jose.weak_keys import check_key_object, warn_of_short_rsa

__all__ = ["Key"]


class Key(ExportMethods):
    """One key, one algorithm.

    Create it with `from_secret`, `from_pem`, `from_jwk` or `generate`, which make all checks: a
    `Key` that exists can be used. Its text never shows key material.
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
        """Bind parsed material to an algorithm; the class methods parse it first."""
        check_binding(material, algorithm, kid)
        self._secret = material if isinstance(material, bytes) else None
        self._signing: HMAC | PrivateKey | None
        self._verifying: HMAC | PublicKey
        if isinstance(material, bytes):
            keyed = keyed_hmac(material, algorithm, may_be_short=may_be_short)
            self._signing = self._verifying = keyed
        else:
            check_key_object(material, short_rsa_for=algorithm.name if may_be_short else None)
            self._signing = material if isinstance(material, PrivateKey) else None
            self._verifying = public_part(material)

        self._algorithm = algorithm
        self._signature_bytes = signature_bytes_of(self._verifying, algorithm)
        self._is_named = kid is not None
        self._kid = self.thumbprint if kid is None else kid

    def __deepcopy__(self, memo: object) -> Self:
        """Return the key itself: it never changes, and its secret stays in memory once."""
        return self

    @classmethod
    def from_secret(
        cls,
        secret: str | bytes,
        *,
        algorithm: str = "HS256",
        kid: str | None = None,
        encoding: SecretEncoding | None = None,
    ) -> Self:
        """Return an HMAC key.

        Args:
            secret: at least as long as the hash: 32, 48 or 64 bytes (RFC 7518 §3.2). Text is
                encoded as UTF-8.
            algorithm: HS256, HS384 or HS512.
            kid: the key id; a ring of several secrets needs one. There is no default: an id that is
                derived from a secret would allow to test guesses of the secret.
            encoding: ``base64`` if the issuer decodes this text from base64 or base64url (RFC 4648
                §4 and §5, with or without padding); None if it uses the text itself.

        Raises:
            InvalidKeyError: the secret is too short, not base64, or the text of a PEM, DER, SSH or
                JWK key.
            ConfigurationError: the algorithm or the encoding is unknown.

        Not checked: that the secret is random.
        """
        row = hmac_algorithm_named(algorithm)
        return cls(secret_bytes(secret, encoding, row), row, kid)

    @classmethod
    def from_weak_secret(
        cls, secret: str | bytes, *, algorithm: str = "HS256", kid: str | None = None
    ) -> Self:
        """Return an HMAC key from a secret that may be too short.

        For the drop-in (`tokenward_fastapi.authjwt`) and for services that migrate from it.
        Everyone who has one token can guess a short secret, and then sign any token. Warns with
        `WeakSecretWarning` about a shorter secret than `from_secret`, with its arguments, accepts.

        Raises:
            InvalidKeyError: the secret is empty, or the text of a PEM, DER, SSH or JWK key.
            ConfigurationError: the algorithm is unknown.
        """
        row, material = hmac_algorithm_named(algorithm), as_bytes(secret, "secret")
        key = cls(material, row, kid, may_be_short=True)
        warn_of_weak_secret(material, row, stacklevel=2)
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
        """Load a PEM key: private (it signs and verifies), or a public key or certificate.

        Args:
            pem: the PEM text of one key or one X.509 certificate.
            algorithm: for RSA, by default RS256; for other keys, the curve determines it. Ed25519
                and Ed448 keys sign as EdDSA unless you pass ``Ed25519`` or ``Ed448`` (RFC 9864).
            password: the password of an encrypted private key.
            kid: the key id; by default the RFC 7638 thumbprint of the public key.

        Raises:
            InvalidKeyError: the key cannot be read, the password is wrong, or the key is too small
                or does not fit the algorithm.
            ConfigurationError: the algorithm is unknown.

        Not checked: the signature, the dates, the names and the key usage of a certificate.
        """
        # An empty password counts as no password, such as an empty environment variable.
        secret = as_bytes(password, "password") if password else None
        material = load_pem(as_bytes(pem, "PEM"), secret)
        return cls(material, algorithm_for(material, algorithm), kid)

    @classmethod
    def from_weak_pem(
        cls, pem: str | bytes, *, algorithm: str | None = None, kid: str | None = None
    ) -> Self:
        """Load a PEM key without a password; an RSA key may be shorter than 2,048 bits.

        For the drop-in (`tokenward_fastapi.authjwt`). Warns of a shorter key: `WeakKeyWarning`.

        Raises:
            InvalidKeyError: see `from_pem`; or the key is too short for the algorithm's signatures.
            ConfigurationError: the algorithm is unknown.
        """
        material = load_pem(as_bytes(pem, "PEM"), None)
        key = cls(material, algorithm_for(material, algorithm), kid, may_be_short=True)
        warn_of_short_rsa(material, stacklevel=2)
        return key

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
            algorithm: for a JWK without ``alg``; by default HS256 for oct, RS256 for RSA, and the
                algorithm of the curve for the others.
            kid: the key id; by default ``kid`` of the JWK, else the RFC 7638 thumbprint, which oct
                keys do not have.

        Raises:
            InvalidKeyError: a member is missing or not strict base64url, an EC point is not on its
                curve, ``use`` or ``key_ops`` forbid verifying, or ``alg`` does not fit.
            ConfigurationError: the algorithm is unknown.
        """
        material = load_jwk(jwk)
        key = cls(material, jwk_algorithm(jwk, material, algorithm), jwk_kid(jwk, kid))
        if not jwk_allows_signing(jwk):
            key._signing = None
        return key

    @classmethod
    def generate(cls, algorithm: str = "Ed25519", *, kid: str | None = None) -> Self:
        """Return a new key from the system's randomness.

        It exists in this process only: its tokens become invalid when the process ends, and other
        processes cannot verify them.

        Args:
            algorithm: any algorithm. RSA keys have 3,072 bits. ``EdDSA`` makes an Ed25519 key
                that signs under the deprecated name, for verifiers that know no other (RFC 9864).
            kid: the key id; for the defaults see `from_secret` and `from_pem`.

        Raises:
            ConfigurationError: the algorithm is unknown.
        """
        row = algorithm_named(algorithm)
        key = cls(generate_material(row), row, kid)
        # No issuer has used a new key under another id.
        key._is_named = key.kid is not None
        return key

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm to which the key is bound."""
        return self._algorithm

    @property
    def algorithm_names(self) -> frozenset[str]:
        """The ``alg`` of the tokens that the key verifies: ``EdDSA`` equals ``Ed25519`` or ``Ed448``."""
        return algorithm_names(self._verifying, self._algorithm)

    @property
    def kid(self) -> str | None:
        """The key id in token headers (RFC 7515 §4.1.4); by default, a secret has none."""
        return self._kid

    @property
    def is_named(self) -> bool:
        """Whether the key id was given, or the key was made by `generate`.

        Otherwise the issuer may use another id for the key: if it is the only key of its algorithm
        in a ring, it verifies tokens with any unknown ``kid``.
        """
        return self._is_named

    @property
    def thumbprint(self) -> str | None:
        """The RFC 7638 thumbprint of the public key; None for a secret."""
        return None if isinstance(self._verifying, HMAC) else thumbprint_of(self._verifying)

    @property
    def can_sign(self) -> bool:
        """Whether the key has a private part."""
        return self._signing is not None

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message.

        Raises:
            SigningKeyError: the key has no private part.
        """
        if self._signing is None:
            raise SigningKeyError
        return self._algorithm.backend.sign(message, self._signing)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Verify the signature of a message; return nothing if it is valid.

        Raises:
            InvalidSignatureError: the signature is invalid, or has another length than those of the
                algorithm.
        """
        if len(signature) != self._signature_bytes or not self._algorithm.backend.verify(
            message, self._verifying, signature
        ):
            raise InvalidSignatureError

    def __repr__(self) -> str:
        """Show the key id and algorithm, never key material."""
        return f"Key(kid={self.kid!r}, algorithm={self.algorithm.name!r}, can_sign={self.can_sign})"
