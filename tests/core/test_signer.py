"""Keys in other places: a signer with the private half, and the keys of another issuer."""

import math
from datetime import timedelta

import jwt
import pytest

from tests.support import engine_with, payload_of, signed
from tokenward import ConfigurationError, Key, KeyRing, MemoryStore, TokenEngine
from tokenward.errors import (
    InvalidSignatureError,
    MissingClaimError,
    SigningKeyError,
    TokenRevokedError,
    UnknownKeyError,
    WrongTokenTypeError,
)
from tokenward.keys import KeySource


class Vault:
    """A small key management service: it signs, and never returns its key."""

    def __init__(self) -> None:
        self._private = Key.generate("ES256")
        self.key = Key.from_jwk(self._private.public_jwk())
        self.asked: list[bytes] = []

    async def sign(self, message: bytes) -> bytes:
        """Sign and count."""
        self.asked.append(message)
        return self._private.sign(message)


class Liar(Vault):
    """A signer that signs another message."""

    async def sign(self, message: bytes) -> bytes:
        return self._private.sign(message + b"!")


async def test_a_signer_signs(clock):
    """Its tokens are verified with its public key; the signer gets only the message to sign."""
    vault = Vault()
    engine = engine_with(clock, keys=KeyRing(vault))
    pair = await engine.issue_pair("alice")
    await engine.refresh(pair.refresh_token)

    assert (await engine.decode(pair.access_token)).sub == "alice"
    assert len(vault.asked) == 4
    assert vault.asked[0].decode() == pair.access_token.rpartition(".")[0]


async def test_a_signer_signs_headers_of_the_caller(clock):
    """They are part of the message that the signer gets."""
    engine = engine_with(clock, keys=KeyRing(Vault()))
    token = await engine.issue("alice", headers={"tenant": "acme"})
    assert jwt.get_unverified_header(token)["tenant"] == "acme"


async def test_a_wrong_signature_is_not_returned(clock):
    """The signature is verified before the token is returned."""
    engine = engine_with(clock, keys=KeyRing(Liar()))
    with pytest.raises(SigningKeyError, match="not made with its key") as caught:
        await engine.issue("alice")
    assert isinstance(caught.value.__cause__, InvalidSignatureError)


async def test_a_ring_rotates_to_a_signer_and_back(clock):
    """The signing key changes; tokens of the earlier keys are still verified."""
    ring, vault = KeyRing.generate("EdDSA"), Vault()
    engine = engine_with(clock, keys=ring)
    tokens = [await engine.issue("alice")]
    ring.rotate(vault, verify_for=None)
    tokens.append(await engine.issue("alice"))
    ring.publish(Key.generate("EdDSA", kid="next"))
    assert ring.signer is vault
    ring.rotate(Key.generate("EdDSA", kid="last"), verify_for=None)
    tokens.append(await engine.issue("alice"))

    assert (ring.signer, len(vault.asked)) == (None, 1)
    for token in tokens:
        assert (await engine.decode(token)).sub == "alice"


async def test_an_error_of_a_signer_reaches_the_caller(clock):
    """No token is issued, and the signer's error reaches the caller."""

    class Down(Vault):
        async def sign(self, message: bytes) -> bytes:
            msg = "the vault is sealed"
            raise ConnectionError(msg)

    with pytest.raises(ConnectionError):
        await engine_with(clock, keys=KeyRing(Down())).issue("alice")


class Elsewhere:
    """The keys of another issuer, which are known after the first fetch."""

    def __init__(self, *keys: Key, hidden: tuple[Key, ...] = ()) -> None:
        self.ring = KeyRing(keys[0], verifiers=keys[1:])
        self.hidden = list(hidden)
        self.fetched: list[str | None] = []
        self.checked = 0
        self.due_at = -math.inf
        self.can_sign = False

    @property
    def version(self) -> int:
        return self.ring.version

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        return self.ring.find(kid=kid, algorithm=algorithm)

    async def prepare(self, now: float) -> None:
        self.checked += 1

    async def fetch_for(self, kid: str | None, now: float) -> bool:
        self.fetched.append(kid)
        if not self.hidden:
            return False
        self.ring.publish(self.hidden.pop())
        return True

    def signing_key(self) -> Key:
        raise SigningKeyError


async def test_a_source_is_prepared_when_it_is_due_and_not_before(clock):
    """`decode` and `revoke` prepare a source exactly from the time that it names."""
    private = Key.generate("ES256")
    theirs = Elsewhere(Key.from_jwk(private.public_jwk()))
    engine = TokenEngine(theirs, clock=clock, store=MemoryStore())
    token = await engine_with(clock, keys=KeyRing(private)).issue("alice")

    theirs.due_at = clock.now + 1
    await engine.decode(token)
    await engine.revoke(token)
    assert theirs.checked == 0
    clock.advance(1)
    await engine.revoke(token)
    assert theirs.checked == 1
    theirs.due_at = math.inf
    with pytest.raises(TokenRevokedError):
        await engine.decode(token)
    assert theirs.checked == 1


async def test_a_ring_is_a_key_source_with_no_other_place_to_look():
    """It is due when its next key expires, and `prepare` removes that key."""
    old, new = Key.generate("ES256"), Key.generate("ES256")
    ring = KeyRing(old)
    assert isinstance(ring, KeySource)
    assert (ring.due_at, ring.can_sign, ring.signing_key()) == (math.inf, True, old)

    ring.rotate(new, verify_for=timedelta(seconds=9), now=100)
    assert (ring.due_at, ring.signing_key()) == (109, new)
    await ring.prepare(109)
    assert (ring.due_at, [*ring]) == (math.inf, [new])
    assert not await ring.fetch_for(old.kid, 109)


async def test_a_token_is_signed_with_one_read_of_the_ring(clock):
    """A rotation between reading the key and reading its signer would mix two states of a ring."""

    class OneRead(KeyRing):
        __slots__ = ("reads",)

        def signing_key(self):
            self.reads = getattr(self, "reads", 0) + 1
            return super().signing_key()

        @property
        def active(self):
            raise AssertionError

        @property
        def signer(self):
            raise AssertionError

    for key in (Key.generate("ES256"), Vault()):
        ring = OneRead(key)
        engine = engine_with(clock, keys=ring)
        assert await engine.decode(await engine.issue("alice"))
        assert ring.reads == 1


async def test_keys_of_another_issuer_verify_and_do_not_sign(clock):
    """Keys of another issuer verify tokens, are prepared before each use, and cannot sign."""
    private = Key.generate("ES256")
    theirs = Elsewhere(Key.from_jwk(private.public_jwk()))
    engine = TokenEngine(theirs, clock=clock)
    token = await engine_with(clock, keys=KeyRing(private)).issue("alice")

    assert (await engine.decode(token)).sub == "alice"
    assert (theirs.checked, theirs.fetched) == (1, [])
    with pytest.raises(SigningKeyError):
        await engine.issue("alice")


@pytest.mark.parametrize("where", ["elsewhere", "public"])
async def test_keys_that_only_verify_accept_no_refresh_token(clock, where):
    """Only its issuer trades it; here it is refused as a token of the wrong type, and not consumed."""
    private = Key.generate("ES256")
    public = Key.from_jwk(private.public_jwk())
    issuer = engine_with(clock, keys=KeyRing(private))
    keys = Elsewhere(public) if where == "elsewhere" else KeyRing(public)
    here = TokenEngine(keys, store=MemoryStore(), clock=clock)
    token = (await issuer.issue_pair("alice")).refresh_token

    with pytest.raises(WrongTokenTypeError):
        await here.refresh(token)
    assert (await issuer.refresh(token)).refresh_token


async def test_an_unknown_key_is_looked_for_once(clock):
    """If the key is found, the token is accepted, otherwise refused."""
    known, new, strange = (Key.generate("ES256", kid=kid) for kid in ("a", "b", "c"))
    theirs = Elsewhere(known, hidden=(new,))
    engine = TokenEngine(theirs, clock=clock)

    token = await engine_with(clock, keys=KeyRing(new)).issue("alice")
    assert (await engine.decode(token)).sub == "alice"
    with pytest.raises(UnknownKeyError):
        await engine.decode(await engine_with(clock, keys=KeyRing(strange)).issue("alice"))
    assert theirs.fetched == ["b", "c"]


async def test_a_token_without_key_id_is_looked_for_as_well(clock):
    """With several keys of one algorithm, a key is looked for with the id None, and the token is refused."""
    theirs = Elsewhere(*(Key.generate("ES256", kid=kid) for kid in ("a", "b")))
    engine = TokenEngine(theirs, clock=clock)
    token = signed(payload_of(), key=Key.generate("ES256"), header={"alg": "ES256"})
    with pytest.raises(UnknownKeyError):
        await engine.decode(token)
    assert theirs.fetched == [None]


async def test_revoking_prepares_the_keys_too(clock):
    """A token is verified before it is revoked, even with the keys of another issuer."""
    private = Key.generate("ES256")
    theirs = Elsewhere(Key.from_jwk(private.public_jwk()))
    engine = TokenEngine(theirs, clock=clock)
    token = signed(payload_of(jti=...), key=private)
    with pytest.raises(MissingClaimError):
        await engine.revoke(token)
    assert theirs.checked == 1


def test_an_object_that_is_not_a_key_source_is_refused():
    """The error names the way to build a ring."""
    with pytest.raises(ConfigurationError, match="KeyRing"):
        TokenEngine(object())
