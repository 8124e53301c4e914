"""A ring from a JSON Web Key Set in a file: every key in it can be used, or the file is refused.

A set that another issuer publishes is read leniently (`jwk_set`). Here, ignoring a damaged key would
make the next key sign in its place.
"""

import re
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from tokenward.errors import MalformedTokenError
from tokenward.jose.codec import loads_object
from tokenward.jose.key import Key
from tokenward.keys.files import PRIVATE_MEMBERS, file_fault, path_in_errors, read_key_file
from tokenward.keys.ring import KeyRing

__all__ = ["jwks_file_ring"]

_KNOWN_TYPES: Final = frozenset({"oct", "RSA", "EC", "OKP"})
_KEY_AGREEMENT: Final = frozenset({"X25519", "X448"})  # RFC 8037 §3.2
# RFC 7517 §4.3, without "sign" and "verify".
_OTHER_OPERATIONS: Final = frozenset(
    {"encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"}
)
# RFC 7518 §4.1 and §5.1: the algorithms of encryption.
_ENCRYPTION: Final = re.compile(
    r"RSA1_5|RSA-OAEP(-\d+)?|dir|ECDH-ES(\+A\d+KW)?|A\d+(KW|GCMKW|GCM|CBC-HS\d+)|PBES2-.{1,20}"
)


def jwks_file_ring(path: Path) -> KeyRing:
    """Return a ring of a JWKS file (RFC 7517 §5), or of a file with one JWK; its first key signs.

    Keys for encryption are ignored, and public keys of an unknown type.

    Raises:
        ConfigurationError: the file cannot be read, is not a key set, holds no key or one that
            cannot be used, or a private key follows a public one.
        InvalidKeyError: the file holds a private key or a secret, and others can read it.
    """
    members = _members_of(path, read_key_file(path).content)
    keys = [
        _key_of(path, number, member)
        for number, member in enumerate(members, start=1)
        if not _is_for_something_else(member)
    ]
    if not keys:
        raise file_fault(path, "holds no key for signatures")

    if not keys[0].can_sign and any(key.can_sign for key in keys):
        raise file_fault(path, "begins with a public key: put the private key that signs first")
    return KeyRing(keys[0], verifiers=keys[1:])


def _members_of(path: Path, content: bytes) -> list[JsonValue]:
    try:
        parsed = loads_object(content)
    except MalformedTokenError:
        parsed = {"keys": None}

    members = parsed.get("keys", [parsed])
    if not isinstance(members, list):
        what = "is not a JSON Web Key Set: expected a JSON object with a list 'keys'"
        raise file_fault(path, what)
    return members


def _key_of(path: Path, number: int, member: JsonValue) -> Key:
    if not isinstance(member, dict):
        what = f"is not a JSON Web Key Set: key {number} is not a JSON object"
        raise file_fault(path, what)
    with path_in_errors(path, f"key {number} cannot be used: "):
        return Key.from_jwk(member)


def _is_for_something_else(member: JsonValue) -> bool:
    """Whether a member is a public key of an unknown type, or a key for another use than signatures."""
    if not isinstance(member, dict):
        return False

    kty, alg, operations = member.get("kty"), member.get("alg"), member.get("key_ops")
    return (
        member.get("use") == "enc"
        or member.get("crv") in _KEY_AGREEMENT
        or (isinstance(kty, str) and kty not in _KNOWN_TYPES and PRIVATE_MEMBERS.isdisjoint(member))
        or (isinstance(alg, str) and _ENCRYPTION.fullmatch(alg) is not None)
        or (
            isinstance(operations, list)
            and bool(operations)
            and all(isinstance(each, str) and each in _OTHER_OPERATIONS for each in operations)
        )
    )
