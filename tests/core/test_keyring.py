"""The ring: which key a header names, and ambiguous rings that are refused."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.core.key_material import JWKS, OTHER_RSA
from tests.support import OTHER_SECRET, SECRET, signed
from tokenward import ConfigurationError, Key, KeyRing
from tokenward.errors import (
    AlgorithmMismatchError,
    InvalidKeyError,
    InvalidSignatureError,
    SigningKeyError,
    UnknownKeyError,
)
from tokenward.jose.codec import b64url_encode
from tokenward.jose.compact import CompactJws

SIGNER = Key.generate("EdDSA", kid="2026-07")
OLDER = Key.generate("EdDSA", kid="2026-01")
CURVE = Key.generate("ES256", kid="curve")
SHARED = Key.from_secret(SECRET)
RING = KeyRing(SIGNER, verifiers=[OLDER, CURVE, SHARED])


@pytest.mark.parametrize(
    ("kid", "algorithm", "key"),
    [
        ("2026-07", "EdDSA", SIGNER),
        ("2026-01", "EdDSA", OLDER),
        ("curve", "ES256", CURVE),
        (None, "ES256", CURVE),
        (None, "HS256", SHARED),
    ],
)
def test_a_key_is_found(kid, algorithm, key):
    """A key is found by its id, or without an id if it is the only key of its algorithm."""
    assert RING.find(kid=kid, algorithm=algorithm) is key


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "2026",
        "2026-07 ",
        " 2026-07",
        "2026-7",
        "CURVE",
        "Curve",
        "curve\x00",
        "curve\n",
        "../curve",
        "/dev/null",
        "' OR 1=1 --",
        "None",
        "None/HS256",
        "\ud800",
        "x" * 10_000,
    ],
)
@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "HS512", "none"])
def test_an_id_is_looked_up_exactly(kid, algorithm):
    """An id that no key has is unknown, however similar, with any algorithm."""
    with pytest.raises(UnknownKeyError) as caught:
        RING.find(kid=kid, algorithm=algorithm)

    assert caught.value.code == "key_unknown"
    assert not kid or kid not in str(caught.value)


@pytest.mark.parametrize(
    ("kid", "algorithm"),
    [
        ("2026-07", "ES256"),
        ("2026-07", "HS256"),
        ("curve", "EdDSA"),
        ("curve", "ES384"),
        ("curve", "none"),
        ("curve", ""),
        ("curve", "es256"),
        (None, "none"),
        (None, "None"),
        (None, ""),
        (None, "RS256"),
        (None, "hs256"),
        (None, "HS512"),
    ],
)
def test_another_algorithm_than_the_keys_is_refused(kid, algorithm):
    """The algorithm must be the one to which the key is bound."""
    with pytest.raises(AlgorithmMismatchError) as caught:
        RING.find(kid=kid, algorithm=algorithm)

    assert caught.value.code == "algorithm_mismatch"


def test_without_an_id_several_keys_of_one_algorithm_are_not_tried():
    """A header without an id is ambiguous if two keys have its algorithm."""
    with pytest.raises(UnknownKeyError):
        RING.find(kid=None, algorithm="EdDSA")


def test_a_key_without_an_id_does_not_stand_in_for_one_with_an_id():
    """A secret without an id is not used for an unknown id if another secret has an id."""
    named = Key.from_secret(OTHER_SECRET, kid="named")
    ring = KeyRing(SHARED, verifiers=[named])

    assert ring.find(kid="named", algorithm="HS256") is named
    with pytest.raises(UnknownKeyError):
        ring.find(kid=None, algorithm="HS256")


RSA_PRIVATE = Key.from_jwk(JWKS["RSA"], kid="issuer-2026")
RSA_JWK = RSA_PRIVATE.public_jwk()
BARE_JWK = {name: value for name, value in RSA_JWK.items() if name != "kid"}
UNNAMED = {
    "public JWK": (Key.from_jwk(BARE_JWK), RSA_PRIVATE),
    "secret": (SHARED, SHARED),
    "oct JWK": (Key.from_jwk({"kty": "oct", "k": b64url_encode(SECRET.encode())}), SHARED),
}


@pytest.mark.parametrize(("key", "issuer"), UNNAMED.values(), ids=UNNAMED)
@pytest.mark.parametrize("kid", ["issuer-2026", "", "x" * 1_000])
def test_the_only_key_of_its_algorithm_needs_no_id(key, issuer, kid):
    """A key without a given id verifies tokens with any key id of its issuer."""
    token = signed({}, key=issuer, header={"alg": key.algorithm.name, "kid": kid})
    ring = KeyRing(CURVE, verifiers=[key])

    assert CompactJws(ring, max_bytes=5_000).verify(token).payload == b"{}"
    assert not key.is_named


@pytest.mark.parametrize(("key", "issuer"), UNNAMED.values(), ids=UNNAMED)
def test_a_token_of_another_key_names_an_unknown_key(key, issuer):
    """If the only key of an algorithm did not sign a token with an unknown id, the key is unknown."""
    stranger = Key.from_jwk(OTHER_RSA) if issuer is RSA_PRIVATE else Key.from_secret(OTHER_SECRET)
    jws = CompactJws(KeyRing(key), max_bytes=5_000)
    header = {"alg": key.algorithm.name, "kid": "other"}
    with pytest.raises(UnknownKeyError):
        jws.verify(signed({}, key=stranger, header=header))
    del header["kid"]
    with pytest.raises(InvalidSignatureError):
        jws.verify(signed({}, key=stranger, header=header))


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: KeyRing(Key.from_jwk(RSA_JWK)), id="its JWK has an id"),
        pytest.param(lambda: KeyRing(Key.from_jwk(BARE_JWK, kid="mine")), id="it was given an id"),
        pytest.param(lambda: KeyRing(Key.generate("RS256")), id="it was made here"),
        pytest.param(
            lambda: KeyRing(Key.from_jwk(BARE_JWK), verifiers=[RSA_PRIVATE]), id="there is another"
        ),
    ],
)
def test_a_key_with_an_id_stands_in_for_no_other(build):
    """An id that no key has is unknown if the key of the algorithm has an id, or is not the only one."""
    with pytest.raises(UnknownKeyError):
        build().find(kid="another", algorithm="RS256")


def test_keys_with_the_same_id_are_refused():
    """A ring of two keys with the same id is refused, whatever their algorithms."""
    for other in (Key.generate("EdDSA", kid="curve"), Key.from_secret(SECRET, kid="curve")):
        with pytest.raises(ConfigurationError, match="same id") as caught:
            KeyRing(CURVE, verifiers=[other])
        assert "curve" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="same id"):
        KeyRing(SIGNER, verifiers=[CURVE, Key.generate("ES256", kid="curve")])


def test_one_key_pair_under_two_algorithms_has_one_id():
    """Keycloak publishes such keys. The header's algorithm chooses; the id retires both."""
    rs256 = Key.from_jwk(OTHER_RSA, kid="rsa")
    ps256 = Key.from_jwk(OTHER_RSA, kid="rsa", algorithm="PS256")
    ring = KeyRing(CURVE, verifiers=[rs256, ps256])
    assert ring.find(kid="rsa", algorithm="RS256") is rs256
    assert ring.find(kid="rsa", algorithm="PS256") is ps256
    ring.retire("rsa")
    assert [*ring] == [CURVE]

    secrets = [Key.from_secret(SECRET * 2, algorithm=name, kid="s") for name in ("HS256", "HS512")]
    with pytest.raises(ConfigurationError, match="same id"):
        KeyRing(CURVE, verifiers=secrets)


def test_the_private_and_the_public_half_of_a_key_have_the_same_id():
    """A key and its own public half in one ring are refused, because they have the same id."""
    private = Key.generate("ES256")

    with pytest.raises(ConfigurationError, match="same id"):
        KeyRing(private, verifiers=[Key.from_jwk(private.public_jwk())])


def test_two_secrets_of_one_algorithm_need_ids():
    """A ring of two keys of one algorithm without ids is refused, and the message asks for ids."""
    with pytest.raises(ConfigurationError, match="give each its kid="):
        KeyRing(SHARED, verifiers=[Key.from_secret(OTHER_SECRET)])
    with pytest.raises(ConfigurationError, match="HS256"):
        KeyRing(CURVE, verifiers=[SHARED, SIGNER, Key.from_secret(OTHER_SECRET)])


def test_secrets_of_different_algorithms_need_no_ids():
    """Keys without ids can be in one ring if their algorithms differ."""
    longer = Key.from_secret(SECRET * 2, algorithm="HS512")
    ring = KeyRing(SHARED, verifiers=[longer])

    assert ring.find(kid=None, algorithm="HS256") is SHARED
    assert ring.find(kid=None, algorithm="HS512") is longer


def test_the_signer_among_the_verifiers_counts_once():
    """If the signing key is also among the verifiers, the ring has it once."""
    ring = KeyRing(CURVE, verifiers=[CURVE, SIGNER])

    assert ring.find(kid=None, algorithm="ES256") is CURVE
    assert list(ring) == [CURVE, SIGNER]


def test_a_ring_can_be_iterated():
    """A ring can be iterated, with the active key first, and has a length."""
    assert list(RING) == [SIGNER, OLDER, CURVE, SHARED]
    assert len(RING) == 4
    assert RING.active is SIGNER
    assert len(KeyRing(SIGNER)) == 1


def test_verifiers_may_come_from_any_iterable():
    """Verifiers may come from an iterator, and later changes of a list have no effect."""
    keys = [OLDER, CURVE]
    ring = KeyRing(SIGNER, verifiers=iter(keys))
    same = KeyRing(SIGNER, verifiers=keys)
    keys.clear()

    assert list(ring) == list(same) == [SIGNER, OLDER, CURVE]


def test_a_ring_cannot_be_changed():
    """The active key of a ring cannot be assigned."""
    ring = KeyRing(CURVE)

    with pytest.raises(AttributeError):
        ring.active = SIGNER
    assert ring.active is CURVE


def test_the_repr_of_a_ring_shows_no_key_material():
    """The repr of a ring shows its active key and the number of keys, but no key material."""
    ring = KeyRing(SHARED, verifiers=[CURVE])

    assert repr(ring) == ("KeyRing(active=Key(kid=None, algorithm='HS256', can_sign=True), keys=2)")
    assert SECRET not in repr(ring)


PRIVATE = ed25519.Ed25519PrivateKey.generate()
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.BestAvailableEncryption(b"password"),
)
PUBLIC_PEM = PRIVATE.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@pytest.mark.parametrize(
    ("ring", "algorithm", "kid"),
    [
        (KeyRing.from_secret(SECRET), "HS256", None),
        (KeyRing.from_secret(SECRET * 2, algorithm="HS512", kid="k"), "HS512", "k"),
        (KeyRing.from_pem(PEM, password="password", kid="k"), "EdDSA", "k"),
        (KeyRing.from_pem(PEM, password=b"password", algorithm="EdDSA", kid="l"), "EdDSA", "l"),
        (KeyRing.from_jwk(CURVE.public_jwk()), "ES256", "curve"),
        (KeyRing.from_jwk(CURVE.public_jwk(), algorithm="ES256", kid="m"), "ES256", "m"),
        (KeyRing.generate(kid="g"), "Ed25519", "g"),
        (KeyRing.generate("EdDSA", kid="g"), "EdDSA", "g"),
        (KeyRing.generate("ES384", kid="k"), "ES384", "k"),
    ],
    ids=str,
)
def test_a_ring_of_one_key_is_made_in_one_call(ring, algorithm, kid):
    """Each class method returns a ring of one key, and passes its arguments on."""
    assert len(ring) == 1
    assert ring.active.algorithm.name == algorithm
    assert ring.active.kid == kid
    assert ring.find(kid=kid, algorithm=algorithm) is ring.active


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: KeyRing.from_secret("short"), id="from_secret"),
        pytest.param(lambda: KeyRing.from_pem(PEM), id="from_pem"),
        pytest.param(lambda: KeyRing.from_jwk({"kty": "oct"}), id="from_jwk"),
        pytest.param(lambda: KeyRing.generate("EdDSA", kid=""), id="generate"),
    ],
)
def test_an_invalid_key_is_refused_in_a_ring(build):
    """The class methods refuse what the same methods of Key refuse."""
    with pytest.raises(InvalidKeyError):
        build()


@pytest.mark.parametrize("algorithm", ["none", "", "HS257"])
def test_an_unknown_algorithm_is_refused_in_a_ring(algorithm):
    """A ring of an unknown algorithm is refused."""
    with pytest.raises(ConfigurationError):
        KeyRing.generate(algorithm)


def test_a_ring_of_a_public_key_verifies_and_does_not_sign():
    """A ring with only a public key verifies, and signing raises an error that says so."""
    private = CompactJws(KeyRing.from_pem(PEM, password="password"), max_bytes=1_000)
    public = CompactJws(KeyRing.from_pem(PUBLIC_PEM), max_bytes=1_000)
    token = private.sign(b"{}", typ="JWT", headers=None)

    assert public.verify(token).payload == b"{}"
    with pytest.raises(SigningKeyError, match="can verify, but not sign"):
        public.sign(b"{}", typ="JWT", headers=None)


def test_a_ring_signs_with_its_active_key_alone():
    """Of several private keys, the active one signs; tokens of the others are still accepted."""
    old, new = KeyRing(OLDER), KeyRing(SIGNER, verifiers=[OLDER])
    before = CompactJws(old, max_bytes=1_000).sign(b"old", typ="JWT", headers=None)
    after = CompactJws(new, max_bytes=1_000).sign(b"new", typ="JWT", headers=None)

    assert CompactJws(new, max_bytes=1_000).verify(before).payload == b"old"
    assert CompactJws(KeyRing(SIGNER), max_bytes=1_000).verify(after).payload == b"new"
    with pytest.raises(UnknownKeyError):
        CompactJws(old, max_bytes=1_000).verify(after)
