"""A ring of the keys in a JWK set that the application has: a file, a setting, a dictionary."""

import copy
import json

import pytest

from tests.core.key_material import JWKS, OTHER_RSA
from tests.support import signed
from tokenward import ConfigurationError, Key, KeyRing
from tokenward.errors import SigningKeyError, UnknownKeyError
from tokenward.jose.compact import CompactJws

PRIVATE = Key.generate("ES256", kid="ec")
EC = PRIVATE.public_jwk()
RSA = Key.from_jwk(OTHER_RSA, kid="rsa").public_jwk()
ENCRYPTION = RSA | {"kid": "enc", "use": "enc"}
SET = {"keys": [RSA, ENCRYPTION, EC, RSA | {"alg": "PS256"}], "x-other": 1}


@pytest.mark.parametrize(
    "document", [SET, json.dumps(SET), json.dumps(SET).encode()], ids=["dict", "str", "bytes"]
)
def test_a_set_is_read_as_text_or_as_an_object(document):
    """The ring verifies with each usable key, cannot sign, and lists what it skipped."""
    ring = KeyRing.from_jwk_set(document)

    verified = CompactJws(ring, max_bytes=2_000).verify(signed({"sub": "a"}, key=PRIVATE))
    assert verified.payload == b'{"sub": "a"}'
    assert ring.public_jwks()["keys"] == [RSA, EC, RSA | {"alg": "PS256"}]
    assert not ring.can_sign
    with pytest.raises(SigningKeyError):
        ring.active.sign(b"message")
    (skipped,) = ring.skipped_keys
    assert (skipped.position, skipped.kid) == (1, "enc")
    assert "'use'" in skipped.reason


def test_private_keys_and_secrets_of_a_set_are_never_used():
    """A set is public; the application loads its own private key by name."""
    oct_key = JWKS["oct"] | {"kid": "s"}
    ring = KeyRing.from_jwk_set({"keys": [oct_key, JWKS["RSA"], EC]})
    assert [key.kid for key in ring] == ["ec"]
    assert [each.position for each in ring.skipped_keys] == [0, 1]
    assert all("private" in each.reason for each in ring.skipped_keys)


def test_different_keys_of_one_id_are_not_used():
    """A ring retires keys by their id, so one id is one key pair."""
    ring = KeyRing.from_jwk_set({"keys": [RSA, EC | {"kid": "rsa"}, EC]})
    assert [key.kid for key in ring] == ["ec"]
    with pytest.raises(UnknownKeyError):
        ring.find(kid="rsa", algorithm="RS256")


def test_a_key_that_is_listed_twice_is_one_key():
    """Also if one of the members has no id, and so gets the thumbprint."""
    bare = {name: value for name, value in EC.items() if name != "kid"}
    named = bare | {"kid": Key.from_jwk(bare).kid}
    assert len(KeyRing.from_jwk_set({"keys": [bare, named, bare]})) == 1


def test_only_the_accepted_algorithms_are_used():
    """`algorithms` means what it means for a remote set."""
    ring = KeyRing.from_jwk_set(SET, algorithms=["PS256"])
    assert [key.algorithm.name for key in ring] == ["PS256"]
    with pytest.raises(ConfigurationError, match="algorithms must be some of"):
        KeyRing.from_jwk_set(SET, algorithms=["HS256"])


@pytest.mark.parametrize(
    "document",
    ["", "{", b"[]", {}, {"keys": None}, {"keys": {}}, {"keys": []}, {"keys": [EC] * 101}, EC],
    ids=range(9),
)
def test_what_is_not_a_set_is_refused(document):
    """The error says what was expected, and has no cause with a part of the document."""
    with pytest.raises(ConfigurationError, match="not a J") as caught:
        KeyRing.from_jwk_set(document)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("document", [None, 7, ["keys"]])
def test_another_type_is_refused(document):
    """Neither text nor a mapping."""
    with pytest.raises(ConfigurationError, match="must be text or bytes"):
        KeyRing.from_jwk_set(document)


def test_a_set_without_usable_keys_is_refused_with_the_reasons():
    """The error lists the reason of each key, and nothing of the keys."""
    with pytest.raises(ConfigurationError) as caught:
        KeyRing.from_jwk_set({"keys": [JWKS["EC"], ENCRYPTION]})
    assert "Key 0: It is a secret or a private key. Key 1: The JWK's 'use'" in str(caught.value)
    assert JWKS["EC"]["d"] not in str(caught.value)


def test_copies_and_replacements_keep_the_list():
    """The list belongs to the keys."""
    ring, other = KeyRing.from_jwk_set(SET), KeyRing.generate()
    assert copy.deepcopy(ring).skipped_keys == ring.skipped_keys
    assert other.skipped_keys == ()
    other.replace(ring)
    assert other.skipped_keys == ring.skipped_keys
