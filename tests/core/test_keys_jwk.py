"""JWKs: which keys they are, what they publish, and their type, use and algorithm."""

import json

import pytest

from tests.core.key_material import (
    ASYMMETRIC,
    EC_KEY,
    JWKS,
    KINDS,
    PRIVATE_MEMBERS,
    SECRET,
    private_text,
    public_part_of,
    public_text,
    refused,
)
from tokenward import ConfigurationError, Key
from tokenward.errors import SigningKeyError
from tokenward.jose.codec import b64url_encode


@pytest.mark.parametrize(
    ("kty", "algorithm"), [("oct", "HS256"), ("RSA", "RS256"), ("EC", "ES256"), ("OKP", "EdDSA")]
)
def test_a_private_jwk_signs_and_verifies(kty, algorithm):
    """A private JWK of each type signs, verifies, and has the algorithm that its type implies."""
    key = Key.from_jwk(JWKS[kty])

    key.verify(b"message", key.sign(b"message"))
    assert key.can_sign
    assert key.algorithm.name == algorithm


@pytest.mark.parametrize("kty", ASYMMETRIC)
def test_a_public_jwk_verifies_only(kty):
    """A public JWK verifies what its private half signs, has the same id, and cannot sign."""
    private, public = Key.from_jwk(JWKS[kty]), Key.from_jwk(public_part_of(JWKS[kty]))

    public.verify(b"message", private.sign(b"message"))
    assert public.kid == private.kid
    assert not public.can_sign


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key_survives_as_a_public_jwk(kind):
    """The public JWK of a key is loaded as a key that verifies the same, with the same id and algorithm."""
    private = Key.from_pem(private_text(KINDS[kind][0]))
    jwk = private.public_jwk()
    public = Key.from_jwk(json.loads(json.dumps(jwk)))

    public.verify(b"message", private.sign(b"message"))
    assert (public.kid, public.algorithm) == (private.kid, private.algorithm)
    assert jwk["use"] == "sig"
    assert jwk["alg"] == private.algorithm.name
    assert jwk["kid"] == private.kid
    assert "key_ops" not in jwk


@pytest.mark.parametrize("kind", KINDS)
def test_a_public_jwk_has_no_private_member(kind):
    """The public JWK of a private key has no private members."""
    jwk = Key.from_pem(private_text(KINDS[kind][0]), kid="k").public_jwk()

    assert PRIVATE_MEMBERS.isdisjoint(jwk)


def test_a_secret_cannot_be_published():
    """A secret has no public JWK."""
    message = refused(lambda: Key.from_secret(SECRET).public_jwk(), SECRET)

    assert "no public half" in message


def test_an_rsa_jwk_needs_no_primes():
    """For a private RSA JWK, `n`, `e` and `d` are enough."""
    jwk = {name: JWKS["RSA"][name] for name in ("kty", "n", "e", "d")}

    Key.from_jwk(public_part_of(jwk)).verify(b"message", Key.from_jwk(jwk).sign(b"message"))


def test_a_jwk_is_not_changed():
    """Loading does not change the caller's mapping, and ignores unknown members."""
    jwk = {**JWKS["EC"], "x5c": ["MII"], "x5u": "https://attacker.example/", "ext": True}
    before = json.dumps(jwk)

    key = Key.from_jwk(jwk)

    assert json.dumps(jwk) == before
    assert key.kid == Key.from_jwk(JWKS["EC"]).kid


@pytest.mark.parametrize(
    "kty", [None, 7, True, [], ["EC"], {}, "", "ec", "Oct", "AKP", "EC "], ids=repr
)
def test_a_key_type_that_is_unknown_or_not_text_is_refused(kty):
    """A `kty` that is unknown or not text is refused."""
    jwk = {**JWKS["EC"], "kty": kty}

    assert "'kty'" in refused(lambda: Key.from_jwk(jwk), jwk["d"])


def test_a_jwk_without_a_key_type_is_refused():
    """A JWK without `kty` is refused."""
    jwk = {name: value for name, value in JWKS["EC"].items() if name != "kty"}

    assert "'kty'" in refused(lambda: Key.from_jwk(jwk), jwk["d"])
    assert "'kty'" in refused(lambda: Key.from_jwk({}))


@pytest.mark.parametrize("jwk", [None, 7, "text", '{"kty":"oct"}', b"{}", ["kty"]], ids=repr)
def test_a_jwk_must_be_a_mapping(jwk):
    """A JWK that is not a mapping is refused, for example JSON text."""
    refused(lambda: Key.from_jwk(jwk))


@pytest.mark.parametrize("kty", ASYMMETRIC)
@pytest.mark.parametrize("wrong", ["RSA", "EC", "OKP", "oct"])
def test_members_of_another_key_type_are_refused(kty, wrong):
    """The members of one type with the `kty` of another are refused."""
    if wrong == kty:
        wrong = "unknown"
    jwk = {**JWKS[kty], "kty": wrong}

    refused(lambda: Key.from_jwk(jwk), jwk["d"])


@pytest.mark.parametrize("use", ["enc", "", "SIG", None, 7, ["sig"]], ids=repr)
@pytest.mark.parametrize("kty", JWKS)
def test_a_jwk_for_another_use_is_refused(kty, use):
    """A JWK whose `use` is not "sig" is refused, private or public."""
    jwk = {**JWKS[kty], "use": use}

    assert "'use'" in refused(lambda: Key.from_jwk(jwk))
    if kty != "oct":
        assert "'use'" in refused(lambda: Key.from_jwk(public_part_of(jwk)))


@pytest.mark.parametrize(
    "operations",
    [
        ["encrypt"],
        ["decrypt", "wrapKey"],
        [],
        ["Verify"],
        [None],
        [7],
        [["verify"]],
        [{"verify": True}],
        "verify",
        None,
        7,
        {"verify": True},
    ],
    ids=repr,
)
@pytest.mark.parametrize("kty", JWKS)
def test_a_jwk_for_other_operations_is_refused(kty, operations):
    """A JWK whose `key_ops` do not allow verifying is refused, private or public."""
    jwk = {**JWKS[kty], "key_ops": operations}

    assert "'key_ops'" in refused(lambda: Key.from_jwk(jwk))
    if kty != "oct":
        assert "'key_ops'" in refused(lambda: Key.from_jwk(public_part_of(jwk)))


@pytest.mark.parametrize("kty", ASYMMETRIC)
def test_signing_is_enough_for_a_private_jwk_only(kty):
    """The `key_ops` ["sign"] are enough for a private JWK, whose public half verifies, not for a public one."""
    jwk = {**JWKS[kty], "use": "sig", "key_ops": ["sign"]}
    key = Key.from_jwk(jwk)

    key.verify(b"message", key.sign(b"message"))
    assert "'key_ops'" in refused(lambda: Key.from_jwk(public_part_of(jwk)))


def test_signing_is_not_enough_for_a_secret():
    """A secret that may only sign cannot verify, and is refused."""
    assert "'key_ops'" in refused(lambda: Key.from_jwk({**JWKS["oct"], "key_ops": ["sign"]}))


@pytest.mark.parametrize("kty", JWKS)
def test_a_jwk_that_may_only_verify_cannot_sign(kty):
    """Private material whose `key_ops` are ["verify"] verifies and does not sign."""
    signer = Key.from_jwk({**JWKS[kty], "key_ops": ["verify", "sign"]})
    key = Key.from_jwk({**JWKS[kty], "key_ops": ["verify"]})

    key.verify(b"message", signer.sign(b"message"))
    assert not key.can_sign
    with pytest.raises(SigningKeyError):
        key.sign(b"message")


@pytest.mark.parametrize(
    ("kty", "own", "asked"),
    [
        ("oct", "HS256", "HS512"),
        ("RSA", "RS256", "PS256"),
        ("RSA", "PS256", "RS256"),
        ("EC", "ES256", "ES384"),
        ("OKP", "EdDSA", "ES256"),
        ("OKP", "EdDSA", "Ed448"),
        ("OKP", "Ed448", "EdDSA"),
        ("OKP", "Ed448", "Ed25519"),
        ("RSA", None, "RS256"),
        ("RSA", 7, None),
        ("RSA", ["RS256"], None),
        ("EC", {"ES256": 1}, "ES256"),
        ("RSA", True, "RS256"),
    ],
)
def test_the_algorithm_of_a_jwk_must_be_the_requested_one(kty, own, asked):
    """A JWK whose `alg` is not the requested algorithm, or not text, is refused."""
    assert "'alg'" in refused(lambda: Key.from_jwk({**JWKS[kty], "alg": own}, algorithm=asked))


@pytest.mark.parametrize(
    ("kty", "algorithm"),
    [
        ("oct", "RS256"),
        ("oct", "EdDSA"),
        ("RSA", "HS256"),
        ("RSA", "ES256"),
        ("EC", "HS256"),
        ("EC", "ES384"),
        ("EC", "ES256K"),
        ("OKP", "HS256"),
        ("OKP", "ES256"),
        ("OKP", "Ed448"),
    ],
)
def test_an_algorithm_that_does_not_fit_a_jwk_is_refused(kty, algorithm):
    """An algorithm of another type or curve than the key's is refused, in the JWK or requested."""
    jwk = JWKS[kty]

    assert algorithm in refused(lambda: Key.from_jwk({**jwk, "alg": algorithm}))
    assert algorithm in refused(lambda: Key.from_jwk(jwk, algorithm=algorithm))


@pytest.mark.parametrize("algorithm", ["none", "RSA-OAEP", "A256GCM", "ES256 ", ""])
def test_an_unknown_algorithm_in_a_jwk_is_refused(algorithm):
    """An unknown `alg` in the JWK is refused."""
    refused(
        lambda: Key.from_jwk({**JWKS["RSA"], "alg": algorithm}),
        JWKS["RSA"]["d"],
        error=ConfigurationError,
    )


@pytest.mark.parametrize(
    ("kty", "own", "asked", "expected"),
    [
        ("oct", "HS512", None, "HS512"),
        ("oct", None, "HS384", "HS384"),
        ("RSA", "PS384", None, "PS384"),
        ("RSA", None, "RS512", "RS512"),
        ("RSA", "PS256", "PS256", "PS256"),
        ("EC", "ES256", None, "ES256"),
        ("OKP", None, "EdDSA", "EdDSA"),
        ("OKP", None, None, "EdDSA"),
        ("OKP", "EdDSA", None, "EdDSA"),
        ("OKP", "Ed25519", None, "Ed25519"),
        ("OKP", "EdDSA", "Ed25519", "Ed25519"),
        ("OKP", "Ed25519", "EdDSA", "EdDSA"),
    ],
)
def test_a_jwk_has_its_own_algorithm_or_the_requested_one(kty, own, asked, expected):
    """The algorithm is the `alg` of the JWK, else the requested one; a requested name is kept."""
    jwk = JWKS[kty] if own is None else {**JWKS[kty], "alg": own}

    assert Key.from_jwk(jwk, algorithm=asked).algorithm.name == expected


@pytest.mark.parametrize("length", [1, 31])
def test_a_short_secret_in_a_jwk_is_refused(length):
    """An `oct` JWK shorter than the hash is refused."""
    secret = b64url_encode(b"s" * length)

    assert "32 bytes" in refused(lambda: Key.from_jwk({"kty": "oct", "k": secret}))


def test_the_text_of_a_key_inside_a_secret_jwk_is_refused():
    """An `oct` JWK with the text of a public key is refused."""
    jwk = {"kty": "oct", "k": b64url_encode(public_text(EC_KEY))}

    assert "from_pem or from_jwk" in refused(lambda: Key.from_jwk(jwk))
