"""A JSON Web Key Set in a file of the service: every key in it is used, or the file is refused.

A set that somebody else publishes is read leniently (`_jwk_set`). Here a key that is left out because
it is damaged would make the one behind it sign.
"""

import re
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from tokenward.errors import ConfigurationError, MalformedTokenError
from tokenward.jose.codec import loads_object
from tokenward.jose.key import Key
from tokenward.keys.files import KeyFile, read_named_file, refuse_open_file
from tokenward.keys.ring import KeyRing

__all__ = ["jwks_file_ring"]

_MAX_BRACKETS: Final = 1_024
_KNOWN_TYPES: Final = frozenset({"oct", "RSA", "EC", "OKP"})
_PRIVATE: Final = frozenset({"d", "k", "priv"})
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
    """Make a ring of a JWKS file (RFC 7517 §5), or of a file with one JWK; its first key signs.

    Keys for encryption are left out, and public keys of an unknown type.

    Raises:
        ConfigurationError: the file cannot be read, is not a key set, holds a key that cannot be
            used or none at all, or only a later key is private.
        InvalidKeyError: it holds a private key or a secret, and others can read it.
    """
    file = read_named_file(path)
    members = _members_of(file)
    if any(isinstance(each, dict) and not _PRIVATE.isdisjoint(each) for each in members):
        refuse_open_file(file)
    keys = [
        _key_of(file, number, member)
        for number, member in enumerate(members, start=1)
        if not _is_for_something_else(member)
    ]
    if not keys:
        raise _fault(file, "holds no key for signatures")
    if not keys[0].can_sign and any(key.can_sign for key in keys):
        raise _fault(file, "begins with a public key: put the private key that signs first")
    return KeyRing(keys[0], verifiers=keys[1:])


def _members_of(file: KeyFile) -> list[JsonValue]:
    try:
        parsed = loads_object(file.content, max_brackets=_MAX_BRACKETS)
    except MalformedTokenError:
        parsed = {"keys": None}
    members = parsed.get("keys", [parsed])
    if not isinstance(members, list):
        raise _fault(file, "is not a JSON Web Key Set: expected a JSON object with a list 'keys'")
    return members


def _key_of(file: KeyFile, number: int, member: JsonValue) -> Key:
    if not isinstance(member, dict):
        raise _fault(file, f"is not a JSON Web Key Set: key {number} is not a JSON object")
    try:
        return Key.from_jwk(member)
    except ConfigurationError as error:
        msg = f"{str(file.path)!r}: key {number} cannot be used: {error}"
        raise type(error)(msg) from error


def _is_for_something_else(member: JsonValue) -> bool:
    """Whether a member says that it is a public key of an unknown type, or not for signatures."""
    if not isinstance(member, dict):
        return False
    kty, alg, operations = member.get("kty"), member.get("alg"), member.get("key_ops")
    return (
        member.get("use") == "enc"
        or member.get("crv") in _KEY_AGREEMENT
        or (isinstance(kty, str) and kty not in _KNOWN_TYPES and _PRIVATE.isdisjoint(member))
        or (isinstance(alg, str) and _ENCRYPTION.fullmatch(alg) is not None)
        or (
            isinstance(operations, list)
            and bool(operations)
            and all(isinstance(each, str) and each in _OTHER_OPERATIONS for each in operations)
        )
    )


def _fault(file: KeyFile, what: str) -> ConfigurationError:
    return ConfigurationError(f"{str(file.path)!r} {what}.")
