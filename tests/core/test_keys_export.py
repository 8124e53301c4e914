"""Exported keys: only through explicit methods, and they can be loaded again."""

import pytest

from tests.support import SECRET
from tokenward import Key
from tokenward.errors import InvalidKeyError, SigningKeyError


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES512", "ES256K", "EdDSA"])
def test_a_private_key_is_loaded_from_its_pem(algorithm):
    """The PEM of a private key is PKCS #8, and is loaded as the same key."""
    key = Key.generate(algorithm)
    pem = key.private_pem()
    again = Key.from_pem(pem, algorithm=algorithm)

    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert again.private_pem() == pem
    assert (again.kid, again.can_sign) == (key.kid, True)
    key.verify(b"a", again.sign(b"a"))


@pytest.mark.parametrize("kid", [None, "a"])
def test_a_secret_is_loaded_from_its_jwk(kid):
    """The JWK of a secret has its id, if it has one, and is loaded as the same key."""
    key = Key.from_secret(SECRET, kid=kid)
    again = Key.from_jwk(key.secret_jwk())

    assert again.secret_jwk() == key.secret_jwk()
    assert ("kid" in key.secret_jwk(), again.kid) == (kid is not None, kid)
    key.verify(b"a", again.sign(b"a"))


def test_the_operations_of_a_secret_are_exported_too():
    """A secret that only verifies is loaded as one that only verifies."""
    jwk = Key.from_secret(SECRET).secret_jwk()
    key = Key.from_jwk({**jwk, "key_ops": ["verify"]})

    assert Key.from_jwk(key.secret_jwk()).can_sign is False


def test_each_kind_has_its_own_form():
    """A secret has no PEM, a key pair no secret JWK, and a public key no private PEM."""
    private = Key.generate("ES256")
    with pytest.raises(InvalidKeyError, match="secret_jwk"):
        Key.from_secret(SECRET).private_pem()
    with pytest.raises(InvalidKeyError, match="private_pem"):
        private.secret_jwk()
    with pytest.raises(SigningKeyError):
        Key.from_jwk(private.public_jwk()).private_pem()


def test_a_thumbprint_does_not_depend_on_the_id():
    """The thumbprint (RFC 7638) is that of the public half; a secret has no thumbprint."""
    key = Key.generate("ES256", kid="a")

    assert key.thumbprint == Key.from_pem(key.private_pem()).kid
    assert Key.from_jwk(key.public_jwk()).thumbprint == key.thumbprint
    assert Key.from_secret(SECRET).thumbprint is None
