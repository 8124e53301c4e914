"""PyJWT and joserfc accept the tokens that Tokenward issues, and the reverse."""

import time
from uuid import uuid4

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from joserfc import jwt as joserfc
from joserfc.jwk import JWKRegistry, OctKey
from jwt.algorithms import OKPAlgorithm

from tests.support import NOW, SECRET, FrozenClock, engine_with
from tokenward import Key, KeyRing, TokenEngine, TokenPolicy
from tokenward.errors import InvalidAudienceError, InvalidIssuerError, InvalidKeyError
from tokenward.jose.algorithms import ALGORITHMS

ISSUER = "https://shop.example"
AUDIENCE = "shop-api"
POLICY = TokenPolicy(issuer=ISSUER, audience=AUDIENCE)
LONG_SECRET = SECRET * 2
CURVES = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
    "ES256K": ec.SECP256K1,
}
# Every algorithm of the table, and EdDSA with each of its two curves.
CASES = [*(name for name in ALGORITHMS if name != "EdDSA"), "EdDSA Ed25519", "EdDSA Ed448"]
FORMS = ("PEM", "JWK")

# joserfc recommends the names of RFC 9864, which PyJWT does not know; see `_new_names_in_pyjwt`.
pytestmark = [
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864"),
    pytest.mark.usefixtures("_new_names_in_pyjwt"),
]


@pytest.fixture(scope="module")
def _new_names_in_pyjwt():
    """Register the names of RFC 9864 in PyJWT, as docs/keys.md shows."""
    names = ("Ed25519", "Ed448")
    for name in names:
        pyjwt.register_algorithm(name, OKPAlgorithm())
    yield
    for name in names:
        pyjwt.unregister_algorithm(name)


class Material:
    """One key, in the form of each of the three libraries."""

    def __init__(self, case, rsa_key):
        """Create the key of one case."""
        self.algorithm = case.partition(" ")[0]
        if case.startswith("HS"):
            self.private = self.public = LONG_SECRET.encode()
            self.theirs = OctKey.import_key(LONG_SECRET)
            return
        if case in CURVES:
            key = ec.generate_private_key(CURVES[case]())
        elif case.endswith("Ed25519"):
            key = ed25519.Ed25519PrivateKey.generate()
        elif case.endswith("Ed448"):
            key = ed448.Ed448PrivateKey.generate()
        else:
            key = rsa_key
        self.private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        kty = ALGORITHMS[self.algorithm].key_type
        self.theirs = JWKRegistry.import_key(self.private, kty)

    def engine(self, form, *, private):
        """Return an engine with this key, loaded from PEM or from the JWK that joserfc writes."""
        if self.algorithm.startswith("HS") and form == "PEM":
            key = Key.from_secret(self.private, algorithm=self.algorithm)
        elif form == "PEM":
            key = Key.from_pem(self.private if private else self.public, algorithm=self.algorithm)
        else:
            secret = self.algorithm.startswith("HS")
            jwk = self.theirs.as_dict(private=private or secret)
            key = Key.from_jwk(jwk, algorithm=self.algorithm)
        return TokenEngine(KeyRing(key), policy=POLICY, clock=time.time)


@pytest.fixture(scope="module")
def rsa_key():
    """Return one RSA key for all six algorithms."""
    return rsa.generate_private_key(65_537, 2048)


@pytest.fixture(scope="module", params=CASES)
def material(request, rsa_key):
    """Return the key of each case."""
    return Material(request.param, rsa_key)


def claims_of_another_library(**changes):
    """Return claims that the default policy accepts."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "iat": now,
        "exp": now + 60,
        "jti": uuid4().hex,
        "type": "access",
        "tenant": "açme",
        "roles": ["admin", {"deep": [1, 2.5, None]}],
    }
    return {**claims, **changes}


@pytest.mark.parametrize("form", FORMS)
async def test_pyjwt_reads_our_tokens(material, form):
    """An issued token is accepted by PyJWT, including its issuer and audience."""
    engine = material.engine(form, private=True)
    token = await engine.issue("alice", claims={"tenant": "açme"}, scopes=["read"])

    claims = pyjwt.decode(
        token,
        material.public,
        algorithms=[material.algorithm],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={"require": ["exp", "iat", "sub", "jti", "aud", "iss"]},
    )

    assert (claims["sub"], claims["tenant"], claims["scope"]) == ("alice", "açme", "read")
    assert pyjwt.get_unverified_header(token)["typ"] == "at+jwt"


@pytest.mark.parametrize("form", FORMS)
async def test_joserfc_reads_our_tokens(material, form):
    """An issued token is accepted by joserfc, including its issuer and audience."""
    engine = material.engine(form, private=True)
    token = await engine.issue("alice", claims={"tenant": "açme"}, scopes=["read"])

    read = joserfc.decode(token, material.theirs, algorithms=[material.algorithm])
    joserfc.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
        leeway=1,
    ).validate(read.claims)

    assert (read.claims["sub"], read.claims["tenant"]) == ("alice", "açme")
    assert read.header["alg"] == material.algorithm


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.5, 0.999])
async def test_our_tokens_are_valid_in_the_second_of_their_issue(fraction):
    """A library that compares whole seconds accepts a token that was issued in the same second."""
    engine = engine_with(FrozenClock(NOW + fraction), policy=POLICY)
    token = await engine.issue("alice")

    read = joserfc.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"])

    joserfc.JWTClaimsRegistry(now=int(NOW)).validate(read.claims)
    assert read.claims["sub"] == "alice"


@pytest.mark.parametrize("form", FORMS)
async def test_we_read_tokens_of_pyjwt(material, form):
    """A token that PyJWT signs is decoded with the public key alone."""
    claims = claims_of_another_library()
    token = pyjwt.encode(claims, material.private, algorithm=material.algorithm)

    decoded = await material.engine(form, private=False).decode(token)

    assert (decoded.sub, decoded.jti, decoded.exp) == ("alice", claims["jti"], claims["exp"])
    assert decoded.extra == {"tenant": claims["tenant"], "roles": claims["roles"]}


@pytest.mark.parametrize("form", FORMS)
async def test_we_read_tokens_of_joserfc(material, form):
    """A token that joserfc signs is decoded with the public key alone."""
    claims = claims_of_another_library()
    header = {"alg": material.algorithm, "typ": "JWT"}
    token = joserfc.encode(header, claims, material.theirs, algorithms=[material.algorithm])

    decoded = await material.engine(form, private=False).decode(token)

    assert (decoded.sub, decoded.jti, decoded.exp) == ("alice", claims["jti"], claims["exp"])
    assert decoded.extra == {"tenant": claims["tenant"], "roles": claims["roles"]}


async def test_the_key_ids_agree(material):
    """The key id is the thumbprint that joserfc computes, and is in the header of the tokens."""
    if material.algorithm.startswith("HS"):
        assert material.engine("PEM", private=True)._jws._keys.active.kid is None
        return
    engine = material.engine("PEM", private=True)
    token = await engine.issue("alice")

    assert pyjwt.get_unverified_header(token)["kid"] == material.theirs.thumbprint()


async def test_our_public_jwk_is_read_by_both(material):
    """The JWK of a key verifies its tokens in PyJWT and in joserfc; a secret has none."""
    if material.algorithm.startswith("HS"):
        with pytest.raises(InvalidKeyError):
            Key.from_secret(material.private, algorithm=material.algorithm).public_jwk()
        return
    jwk = Key.from_pem(material.private, algorithm=material.algorithm).public_jwk()
    token = await material.engine("PEM", private=True).issue("alice")

    theirs = pyjwt.decode(
        token,
        # PyJWK takes no registered names.
        pyjwt.PyJWK(jwk, "EdDSA" if jwk["kty"] == "OKP" else None).key,
        algorithms=[material.algorithm],
        audience=AUDIENCE,
        issuer=ISSUER,
    )
    read = joserfc.decode(token, JWKRegistry.import_key(jwk), algorithms=[material.algorithm])

    assert theirs["sub"] == read.claims["sub"] == "alice"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"iss": "https://other.example"}, InvalidIssuerError),
        ({"aud": ["other-api"]}, InvalidAudienceError),
    ],
    ids=["issuer", "audience"],
)
async def test_a_foreign_token_for_another_service_is_refused(material, changes, error):
    """Issuer and audience of a validly signed token of another library are checked."""
    claims = claims_of_another_library(**changes)
    token = pyjwt.encode(claims, material.private, algorithm=material.algorithm)

    with pytest.raises(error):
        await material.engine("PEM", private=False).decode(token)


@pytest.mark.parametrize("theirs", ["EdDSA", "Ed25519"])
@pytest.mark.parametrize("ours", ["EdDSA", "Ed25519"])
async def test_both_names_of_one_algorithm_are_read(ours, theirs):
    """A key of either name reads the tokens of both libraries under either name (RFC 9864 §2.2)."""
    material = Material("EdDSA Ed25519", None)
    engine = TokenEngine(KeyRing.from_pem(material.public, algorithm=ours), policy=POLICY)
    by_pyjwt = pyjwt.encode(claims_of_another_library(), material.private, theirs)
    by_joserfc = joserfc.encode(
        {"alg": theirs}, claims_of_another_library(), material.theirs, algorithms=[theirs]
    )
    for token in (by_pyjwt, by_joserfc):
        assert pyjwt.get_unverified_header(token)["alg"] == theirs
        assert (await engine.decode(token)).sub == "alice"
