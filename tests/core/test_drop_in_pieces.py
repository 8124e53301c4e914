"""The features of the core that exist for the drop-in."""

import secrets
import warnings
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.core.key_material import (
    EC_KEY,
    ED_KEY,
    KEY_TEXTS,
    RSA_KEY,
    private_text,
    public_text,
)
from tests.support import NOW, SECRET, engine_with, payload_of, signed
from tokenward import (
    Claims,
    ConfigurationError,
    Key,
    KeyRing,
    MemoryStore,
    TokenEngine,
    TokenPolicy,
)
from tokenward.errors import (
    CsrfMismatchError,
    CsrfMissingError,
    InvalidKeyError,
    TokenNotYetValidError,
    WrongTokenTypeError,
)
from tokenward.http import check_csrf_token, render_cookie
from tokenward.jose.codec import b64url_decode, loads_header
from tokenward.keys import WeakKeyWarning, WeakSecretWarning


def payload_in(token):
    """Return the payload of a token."""
    return loads_header(b64url_decode(token.split(".")[1]))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_weak_secret_warns_once(algorithm):
    """A short secret makes a key, with one warning that does not contain the secret."""
    with pytest.warns(WeakSecretWarning) as caught:
        key = Key.from_weak_secret("sesame", algorithm=algorithm)

    assert len(caught) == 1
    assert "sesame" not in str(caught[0].message)
    key.verify(b"message", key.sign(b"message"))


def test_a_long_secret_does_not_warn():
    """A secret that is long enough makes the same key as `from_secret`, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        key = Key.from_weak_secret(SECRET, kid="one")

    Key.from_secret(SECRET).verify(b"message", key.sign(b"message"))
    assert key.kid == "one"


@pytest.mark.parametrize("secret", ["", *KEY_TEXTS.values()], ids=["empty", *KEY_TEXTS])
def test_an_empty_secret_and_key_text_are_refused(secret):
    """An empty secret and the text of a key that may be public are refused."""
    with pytest.raises(InvalidKeyError):
        Key.from_weak_secret(secret)


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
def test_a_weak_secret_is_for_hmac(algorithm):
    """Other algorithms than HMAC accept no secret, weak or not."""
    with pytest.raises(InvalidKeyError, match="does not take a secret"):
        Key.from_weak_secret("sesame", algorithm=algorithm)


def test_from_secret_refuses_a_short_secret():
    """`from_secret` refuses a short secret."""
    with pytest.raises(InvalidKeyError, match="at least 32 bytes"):
        Key.from_secret("sesame")


def short_rsa_key(bits=1024):
    """Return a new RSA key that is too short for `from_pem`."""
    return rsa.generate_private_key(65537, bits)


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384"])
@pytest.mark.parametrize("text_of", [private_text, public_text])
def test_a_short_rsa_key_warns_once(algorithm, text_of):
    """A short RSA key, private or public, makes a key with one warning that shows nothing of it."""
    material = short_rsa_key()
    with pytest.warns(WeakKeyWarning, match="less than 2048 bits") as caught:
        key = Key.from_weak_pem(text_of(material), algorithm=algorithm, kid="one")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert key.kid == "one"

    with pytest.warns(WeakKeyWarning):
        signer = Key.from_weak_pem(private_text(material), algorithm=algorithm)
    key.verify(b"message", signer.sign(b"message"))


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY, ED_KEY])
def test_other_pem_keys_do_not_warn(key):
    """Other keys load as with `from_pem`, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weak = Key.from_weak_pem(private_text(key))

    assert weak.kid == Key.from_pem(private_text(key)).kid


@pytest.mark.parametrize(
    ("algorithm", "shortest"),
    [
        ("RS256", 489), ("RS384", 617), ("RS512", 745),
        ("PS256", 522), ("PS384", 778), ("PS512", 1034),
    ],
)  # fmt: skip
def test_an_rsa_key_must_hold_the_signature(algorithm, shortest):
    """An RSA key that is too short for the algorithm's signatures is refused, one bit more signs."""
    for bits in (shortest - 1, shortest):
        key = rsa_of_bits(bits)
        if bits == shortest:
            with pytest.warns(WeakKeyWarning):
                weak = Key.from_weak_pem(private_text(key), algorithm=algorithm)
            weak.verify(b"message", weak.sign(b"message"))
        else:
            with pytest.raises(InvalidKeyError, match=f"it must have at least {shortest}"):
                Key.from_weak_pem(private_text(key), algorithm=algorithm)


def rsa_of_bits(bits):
    """Return an RSA key of any length; `cryptography` generates none under 1,024 bits."""
    while True:
        p, q = (prime_of_bits(half) for half in (bits // 2 + bits % 2, bits // 2))
        if (p * q).bit_length() == bits and p != q:
            break
    d = rsa.rsa_recover_private_exponent(65537, p, q)
    public = rsa.RSAPublicNumbers(65537, p * q)
    return rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public
    ).private_key(unsafe_skip_rsa_key_validation=True)


def prime_of_bits(bits):
    """Return a prime whose two highest bits are set."""
    while True:
        n = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if (n - 1) % 65537 and all(pow(base, n - 1, n) == 1 for base in (2, 3, 5, 7, 11)):
            return n


def test_everything_else_refuses_a_short_rsa_key():
    """`from_pem` and `from_jwk` go on refusing it, and so does `from_weak_pem` for other faults."""
    pem = public_text(short_rsa_key())
    with pytest.warns(WeakKeyWarning):
        jwk = Key.from_weak_pem(pem).public_jwk()
    for build, material in ((Key.from_pem, pem), (Key.from_jwk, jwk), (KeyRing.from_pem, pem)):
        with pytest.raises(InvalidKeyError, match="it must have at least 2048"):
            build(material)
    with pytest.raises(InvalidKeyError, match="exponent must be odd"):
        Key.from_weak_pem(public_text(rsa.generate_private_key(3, 1024)))  # noqa: S505


async def test_new_jti_of_the_caller(clock):
    """`new_jti` makes the identities of access tokens, refresh tokens and both tokens of a pair."""
    engine = TokenEngine(
        KeyRing.from_secret(SECRET),
        clock=clock,
        store=MemoryStore(),
        new_jti=lambda: str(uuid4()),
    )
    pair = await engine.issue_pair("alice")
    renewed = await engine.refresh(pair.refresh_token)
    tokens = [await engine.issue("alice"), await engine.issue("alice", type="refresh")]
    tokens += [pair.access_token, pair.refresh_token, renewed.access_token, renewed.refresh_token]
    found = [payload_in(token)["jti"] for token in tokens]

    assert {UUID(jti).version for jti in found} == {4}
    assert len(set(found)) == len(found)


async def test_a_single_refresh_token(engine):
    """A refresh token without a session starts a session when it is used."""
    token = await engine.issue("alice", type="refresh")
    claims = await engine.decode(token, type="refresh")
    pair = await engine.refresh(token)

    assert (claims.type, claims.sid, claims.fresh) == ("refresh", None, False)
    assert (await engine.decode(pair.access_token)).sid == claims.jti


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "refresh", "fresh": True}, "A refresh token cannot be fresh"),
        ({"type": "other"}, "type must be 'access' or 'refresh'"),
        ({"type": None}, "type must be 'access' or 'refresh'"),
    ],
)
async def test_types_that_cannot_be_issued(engine, options, message):
    """A fresh refresh token and an unknown type are refused."""
    with pytest.raises(ConfigurationError, match=message):
        await engine.issue("alice", **options)


async def test_either_type_is_decoded(engine):
    """`type=None` accepts either known type; the claims contain the type."""
    for kind in ("access", "refresh"):
        token = await engine.issue("alice", type=kind)
        assert (await engine.decode(token, type=None)).type == kind


@pytest.mark.parametrize("changes", [{"type": "id"}, {"type": "Access"}])
async def test_an_unknown_type_is_never_decoded(engine, changes):
    """`type=None` does not accept an unknown type."""
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(signed(payload_of(**changes)), type=None)


@pytest.mark.parametrize("also", [(), {"nbf"}, {"csrf"}, ["nbf", "csrf"]])
async def test_additional_registered_claims(clock, also):
    """Each of the two claims is written into every token if the policy names it, and only then."""
    engine = engine_with(clock, policy=TokenPolicy(extra_registered_claims=also))
    for kind in ("access", "refresh"):
        payload = payload_in(await engine.issue("alice", type=kind))
        assert {"nbf", "csrf"} & payload.keys() == set(also)
        assert payload.get("nbf", payload["iat"]) == payload["iat"]


async def test_the_tokens_of_a_session_share_a_csrf_token(clock):
    """With `csrf` in the policy, the tokens of a session still share one CSRF token."""
    engine = engine_with(clock, policy=TokenPolicy(extra_registered_claims={"csrf"}))
    pair = await engine.issue_pair("alice")
    written = [payload_in(token)["csrf"] for token in (pair.access_token, pair.refresh_token)]

    assert written == [pair.csrf_token] * 2
    assert payload_in(await engine.issue("alice"))["csrf"] != pair.csrf_token


@pytest.mark.parametrize("also", [{"exp"}, {"nbf", "sub"}, "nbf"])
def test_other_claims_cannot_be_added(also):
    """The policy accepts only the two names."""
    with pytest.raises(ConfigurationError, match="may contain only 'csrf' and 'nbf'"):
        TokenPolicy(extra_registered_claims=also)


@pytest.mark.parametrize(
    ("sent", "claim", "error"),
    [
        ([b"proof"], "proof", None),
        (["pröof".encode()], "pröof", None),
        ([], "proof", CsrfMissingError),
        ([], None, CsrfMissingError),
        ([b"other"], "proof", CsrfMismatchError),
        ([b""], "", CsrfMismatchError),
        ([b"proof"], None, CsrfMismatchError),
        ([b"proof", b"proof"], "proof", CsrfMismatchError),
        ([b"\xff"], "proof", CsrfMismatchError),
    ],
)
def test_a_csrf_token(sent, claim, error):
    """One value equal to the claim is accepted; a missing value and a wrong one raise different errors."""
    claims = Claims(sub="alice", csrf=claim)
    if error is None:
        check_csrf_token(sent, claims)
    else:
        with pytest.raises(error):
            check_csrf_token(sent, claims)


@pytest.mark.parametrize(
    ("options", "cookie"),
    [
        ({}, "n=v; Path=/; SameSite=Lax; Secure; HttpOnly"),
        ({"max_age": 60}, "n=v; Max-Age=60; Path=/; SameSite=Lax; Secure; HttpOnly"),
        ({"max_age": 0}, "n=v; Max-Age=0; Path=/; SameSite=Lax; Secure; HttpOnly"),
        ({"path": "/a"}, "n=v; Path=/a; SameSite=Lax; Secure; HttpOnly"),
        ({"domain": "a.b"}, "n=v; Path=/; Domain=a.b; SameSite=Lax; Secure; HttpOnly"),
        ({"same_site": None}, "n=v; Path=/; Secure; HttpOnly"),
        ({"same_site": "None"}, "n=v; Path=/; SameSite=None; Secure; HttpOnly"),
        ({"secure": False}, "n=v; Path=/; SameSite=Lax; HttpOnly"),
        ({"http_only": False}, "n=v; Path=/; SameSite=Lax; Secure"),
    ],
)
def test_a_cookie(options, cookie):
    """Each parameter is written as in RFC 6265."""
    assert render_cookie("n", "v", **options) == cookie


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a;b"},
        {"name": ""},
        {"name": "a\r\n"},
        {"value": "a;b"},
        {"value": "a\n"},
        {"path": "a"},
        {"path": "/;"},
        {"path": "/\r\n"},
        {"domain": "a; HttpOnly"},
        {"domain": ""},
    ],
)
def test_a_cookie_that_would_end_early(change):
    """A character that would end the cookie or the line is refused."""
    with pytest.raises(ConfigurationError):
        render_cookie(**{"name": "n", "value": "v", **change})


def test_a_cookie_that_is_too_long():
    """A cookie of the largest size that browsers accept is written; one byte more is refused."""
    room = 4096 - len(render_cookie("n", ""))

    assert len(render_cookie("n", "x" * room)) == 4096
    with pytest.raises(ConfigurationError, match="longer than the 4,096 bytes"):
        render_cookie("n", "x" * (room + 1))


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"iat": NOW + 9}, "iat"),
        ({"nbf": NOW + 9}, "nbf"),
        ({"iat": NOW + 9, "nbf": NOW + 9}, "iat"),
    ],
)
async def test_which_claim_is_in_the_future(engine, changes, claim):
    """The error contains the name of the claim that is in the future."""
    with pytest.raises(TokenNotYetValidError) as caught:
        await engine.decode(signed(payload_of(**changes)))
    assert (caught.value.claim, str(caught.value)) == (claim, "The token is not valid yet.")
