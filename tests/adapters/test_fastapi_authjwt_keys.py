"""The keys and algorithms of the drop-in: secrets, key pairs, and errors for missing ones."""

import warnings

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.warnings import InsecureKeyLengthWarning

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import configure, old_token
from tests.core.key_material import EC_KEY, ED_KEY, RSA_KEY, private_text, public_text
from tests.support import SECRET
from tokenward.errors import InvalidKeyError
from tokenward.keys import WeakKeyWarning
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.exceptions import JWTDecodeError

auth = authjwt_service.auth  # a fixture

PAIRS = {"RS256": RSA_KEY, "ES256": EC_KEY, "EdDSA": ED_KEY}


def pair_of(algorithm: str) -> dict[str, object]:
    """Return the settings for a key pair."""
    key = PAIRS[algorithm]
    return {
        "algorithm": algorithm,
        "private_key": private_text(key).decode(),
        "public_key": public_text(key).decode(),
    }


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "RS256", "RS512", "PS256"])
async def test_algorithm_of_one_token(auth: type[AuthJWT], algorithm: str) -> None:
    """A token signed with another algorithm is accepted only if the settings allow it."""
    keys = {**pair_of("RS256"), "algorithm": "HS256", "secret_key": SECRET * 2}
    configure(auth, **keys, decode_algorithms=["HS256", algorithm])
    token = await auth().create_access_token("alice", algorithm=algorithm)
    assert (await auth().get_raw_jwt(token))["sub"] == "alice"
    assert (await auth().get_unverified_jwt_headers(token))["alg"] == algorithm

    configure(auth, **keys)
    with pytest.raises(JWTDecodeError, match="The specified alg value is not allowed"):
        await auth().get_raw_jwt(await auth().create_access_token("alice", algorithm=algorithm))


async def test_one_key_pair_under_two_algorithms(auth: type[AuthJWT]) -> None:
    """Tokens of both algorithms are verified, with a key id and, as the reference writes them, without."""
    configure(auth, **pair_of("RS256"), decode_algorithms=["RS512", "RS256"])
    for algorithm in ("RS256", "RS512"):
        token = await auth().create_access_token("alice", algorithm=algorithm)
        assert (await auth().get_raw_jwt(token))["sub"] == "alice"


@pytest.mark.parametrize("algorithm", PAIRS)
async def test_key_pairs(auth: type[AuthJWT], algorithm: str) -> None:
    """The private key signs and the public key verifies."""
    configure(auth, **pair_of(algorithm))
    token = await auth().create_access_token("alice")
    assert (await auth().get_raw_jwt(token))["sub"] == "alice"

    configure(auth, **{**pair_of(algorithm), "private_key": None})
    assert (await auth().get_raw_jwt(token))["sub"] == "alice"


async def test_keys_that_are_not_a_pair(auth: type[AuthJWT]) -> None:
    """If the two keys are not a pair, tokens of the private key are refused."""
    other = public_text(PAIRS["ES256"]).decode()
    configure(auth, **{**pair_of("RS256"), "public_key": other}, decode_algorithms=["ES256"])
    token = await auth().create_access_token("alice")

    with pytest.raises(JWTDecodeError, match="The specified alg value is not allowed"):
        await auth().get_raw_jwt(token)


async def test_an_algorithm_without_a_key_is_left_out(auth: type[AuthJWT]) -> None:
    """An accepted algorithm without a usable key does not affect the other algorithms."""
    configure(auth, decode_algorithms=["RS256", "HS256"])
    assert await auth().get_jti(await auth().create_access_token("alice"))
    configure(auth, **pair_of("RS256"), decode_algorithms=["ES256", "RS256"])
    assert await auth().get_jti(await auth().create_access_token("alice"))


MISSING = [
    ("HS256", "secret", "symmetric"),
    ("HS512", "secret", "symmetric"),
    ("RS256", "private", "asymmetric"),
    ("ES256", "private", "asymmetric"),
]


@pytest.mark.parametrize(("algorithm", "key", "family"), MISSING)
async def test_missing_key_to_sign(
    auth: type[AuthJWT], algorithm: str, key: str, family: str
) -> None:
    """Issuing without a key raises a RuntimeError with the reference's message."""
    configure(auth, algorithm=algorithm, secret_key=None)
    message = f"authjwt_{key}_key must be set when using {family} algorithm {algorithm}"

    with pytest.raises(RuntimeError, match=message):
        await auth().create_access_token("alice")


@pytest.mark.parametrize(("algorithm", "key", "family"), MISSING)
async def test_missing_key_to_verify(
    auth: type[AuthJWT], algorithm: str, key: str, family: str
) -> None:
    """Reading without a key raises a RuntimeError too; of a pair, the public key is required."""
    configure(auth, algorithm=algorithm, secret_key=None)
    key = "public" if key == "private" else key
    message = f"authjwt_{key}_key must be set when using {family} algorithm {algorithm}"

    with pytest.raises(RuntimeError, match=message):
        await auth().get_raw_jwt(old_token())


async def test_unknown_algorithm(auth: type[AuthJWT]) -> None:
    """An unknown algorithm raises a ValueError with the reference's message."""
    with pytest.raises(ValueError, match="Algorithm XS256 could not be found"):
        await auth().create_access_token("alice", algorithm="XS256")
    configure(auth, algorithm="none")
    with pytest.raises(ValueError, match="Algorithm none could not be found"):
        await auth().get_raw_jwt(old_token())


async def test_an_unusable_key_is_not_in_the_error(auth: type[AuthJWT]) -> None:
    """An unusable key raises a ValueError that contains no part of it."""
    configure(auth, algorithm="RS256", private_key="not a key", public_key="not a key")
    for call in (auth().create_access_token("alice"), auth().get_jti(old_token())):
        with pytest.raises(InvalidKeyError) as caught:
            await call
        assert "not a key" not in str(caught.value)


async def test_a_short_rsa_key_warns_once(auth: type[AuthJWT]) -> None:
    """A short key pair signs and verifies under several algorithms, with one warning for both keys."""
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - short on purpose
    configure(
        auth,
        algorithm="RS256",
        decode_algorithms=["RS256", "PS256"],
        private_key=private_text(short).decode(),
        public_key=public_text(short).decode(),
    )
    with warnings.catch_warnings(record=True, action="always") as caught:
        tokens = [
            await auth().create_access_token("alice", algorithm=algorithm)
            for algorithm in ("RS256", "PS256", "RS256")
        ]
        assert all([await auth().get_jti(token) for token in tokens])
    assert [each.category for each in caught] == [WeakKeyWarning]

    with pytest.warns(InsecureKeyLengthWarning):
        payload = jwt.decode(tokens[0], short.public_key(), algorithms=["RS256"])
    assert payload["sub"] == "alice"


@pytest.mark.parametrize("bits", [1024, 2048])
async def test_an_rsa_key_with_a_small_exponent(auth: type[AuthJWT], bits: int) -> None:
    """Issuing and reading raise the error that the page about migrating announces."""
    key = rsa.generate_private_key(3, bits)
    configure(
        auth,
        algorithm="RS256",
        private_key=private_text(key).decode(),
        public_key=public_text(key).decode(),
    )
    for call in (auth().create_access_token("alice"), auth().get_jti(old_token())):
        with pytest.raises(ValueError, match="exponent must be odd, at least 65537"):
            await call


async def test_a_short_rsa_key_that_is_assigned(auth: type[AuthJWT]) -> None:
    """A key pair of the reference's users may be assigned, and its tokens are accepted."""
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - short on purpose
    auth._algorithm = "RS256"
    auth._private_key = private_text(short).decode()
    auth._public_key = public_text(short).decode()
    with pytest.warns(WeakKeyWarning):
        assert await auth().get_jti(await auth().create_access_token("alice"))


async def test_a_short_rsa_key_is_replaced_by_a_secret(auth: type[AuthJWT]) -> None:
    """Tokens of the short key stay valid while new tokens are signed with a secret."""
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - short on purpose
    configure(auth, algorithm="RS256", private_key=private_text(short).decode())
    with pytest.warns(WeakKeyWarning):
        old = await auth().create_access_token("alice")

    public = public_text(short).decode()
    configure(auth, algorithm="HS256", decode_algorithms=["HS256", "RS256"], public_key=public)
    with pytest.warns(WeakKeyWarning):
        assert await auth().get_jti(old)
    assert await auth().get_jti(await auth().create_access_token("alice"))
