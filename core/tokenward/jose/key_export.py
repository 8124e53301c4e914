"""The forms in which a key is published or stored: a public JWK, a private PEM, a secret JWK."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.hmac import HMAC
from pydantic import JsonValue

from tokenward.errors import InvalidKeyError, SigningKeyError
from tokenward.jose.algorithms import Algorithm, PrivateKey, PublicKey
from tokenward.jose.codec import b64url_encode
from tokenward.jose.key_kinds import public_members

__all__ = ["ExportMethods"]


class ExportMethods:
    """The methods of `Key` that return key material; its constructor sets the attributes."""

    __slots__ = ()

    _algorithm: Algorithm
    _kid: str | None
    _secret: bytes | None
    _signing: HMAC | PrivateKey | None
    _verifying: HMAC | PublicKey

    def public_jwk(self) -> dict[str, JsonValue]:
        """Return the public key as a JWK (RFC 7517), with ``kid``, ``alg`` and ``use``.

        Raises:
            InvalidKeyError: the key is a secret, which has no public half.
        """
        if isinstance(self._verifying, HMAC):
            msg = "A secret has no public half: it cannot be published."
            raise InvalidKeyError(msg)
        members = public_members(self._verifying)
        return {**members, "kid": self._kid, "alg": self._algorithm.name, "use": "sig"}

    def private_pem(self) -> bytes:
        """Return the private key as unencrypted PEM (PKCS #8, RFC 5958); keep it in a safe place.

        Everyone who has it can sign until all verifiers have removed the key.

        Raises:
            SigningKeyError: the key has no private half.
            InvalidKeyError: the key is a secret; see `secret_jwk`.
        """
        if self._secret is not None:
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
        """Return a secret as a JWK (RFC 7518 §6.4); keep it in a safe place.

        Everyone who has it can sign, including everyone who only needs to verify.

        Raises:
            InvalidKeyError: the key is not a secret; see `private_pem` and `public_jwk`.
        """
        if self._secret is None:
            msg = "This key is not a secret: use private_pem or public_jwk."
            raise InvalidKeyError(msg)

        members: dict[str, JsonValue] = {"kty": "oct", "k": b64url_encode(self._secret)}
        if self._kid is not None:
            members["kid"] = self._kid
        if self._signing is None:
            members["key_ops"] = ["verify"]
        return {**members, "alg": self._algorithm.name, "use": "sig"}
