"""One key: any bytes as a JWK (RFC 7517) or as PEM. A key that is accepted can be used."""

import json
import warnings
from collections.abc import Iterator

from fuzz.harness import fuzz, instrumented
from fuzz.vectors import examples_of_keys, public_part

with instrumented(__name__):
    from tokenward import Key
    from tokenward.errors import ConfigurationError, MalformedTokenError
    from tokenward.jose.codec import loads_object

warnings.simplefilter("ignore")  # of cryptography, about old kinds of keys
_MESSAGE = b"message"
_SECRET_BITS = {"HS256": 256, "HS384": 384, "HS512": 512}
_MIN_RSA_BITS = 2_048


def check(data: bytes) -> None:
    """Load a key, use it, and load its public half again."""
    key = _key(data)
    if key is None:
        return
    if key.can_sign:
        key.verify(_MESSAGE, key.sign(_MESSAGE))

    name = key.algorithm.name
    if name in _SECRET_BITS:
        jwk = key.secret_jwk()
        assert len(str(jwk["k"])) * 6 >= _SECRET_BITS[name], "A short secret is accepted."
        return

    jwk = key.public_jwk()
    assert {"d", "p", "q", "dp", "dq", "qi", "k"}.isdisjoint(jwk), "A private member is public."
    if jwk["kty"] == "RSA":
        assert len(str(jwk["n"])) * 6 >= _MIN_RSA_BITS, "A short RSA key is accepted."
        assert jwk["e"] != "AQ", "An RSA key with the exponent 1 is accepted."
    again = Key.from_jwk(jwk)
    assert (again.kid, again.thumbprint, again.can_sign) == (key.kid, key.thumbprint, False), (
        "The public JWK is another key."
    )


def _key(data: bytes) -> Key | None:
    try:
        if data.lstrip().startswith(b"{"):
            return Key.from_jwk(loads_object(data))
        return Key.from_pem(data)
    except (ConfigurationError, MalformedTokenError):
        return None


def seeds() -> Iterator[bytes]:
    """Return keys of the RFCs, private and public, as JWK and as PEM, and a damaged one."""
    for each in examples_of_keys():
        key = Key.from_jwk(each["jwk"], algorithm=each["algorithm"])
        yield json.dumps(each["jwk"]).encode()
        yield json.dumps({**public_part(each["jwk"]), "use": "sig", "key_ops": ["verify"]}).encode()
        if each["jwk"]["kty"] != "oct":
            yield key.private_pem()
    yield (
        b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VvBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
        b"-----END PRIVATE KEY-----\n"  # an X448 key with the length of an X25519 key
    )


if __name__ == "__main__":
    fuzz(check)
