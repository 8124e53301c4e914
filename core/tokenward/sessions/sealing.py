"""Encrypts a pair of tokens so that only the holder of the previous refresh token can read it."""

import hashlib
import json
import os
from dataclasses import fields
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import TypeAdapter

from tokenward.jose.codec import b64url_decode
from tokenward.jose.without_context import raise_without_context
from tokenward.tokens.pair import TokenPair

__all__ = ["DamagedSealError", "open_pair", "seal_pair"]

_NONCE_BYTES: Final = 12  # NIST SP 800-38D §5.2.1.1
_MEMBERS: Final = tuple(each.name for each in fields(TokenPair))


class DamagedSealError(Exception):
    """A sealed pair cannot be decrypted: it belongs to another token, or was changed."""


def seal_pair(token: str | bytes, pair: TokenPair) -> bytes:
    """Encrypt a pair with a key from the token that it replaces: nobody can guess its signature."""
    nonce = os.urandom(_NONCE_BYTES)
    # Every member: what Pydantic writes of a pair is the response to a client, which has fewer.
    members = {name: getattr(pair, name) for name in _MEMBERS}
    return nonce + _cipher(token).encrypt(nonce, json.dumps(members).encode(), None)


def open_pair(token: str | bytes, sealed: bytes) -> TokenPair:
    """Decrypt what `seal_pair` returned for the same token.

    Raises:
        DamagedSealError: it was sealed for another token or changed, or is not a sealed pair.
    """
    nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return _reader().validate_json(_cipher(token).decrypt(nonce, encrypted, None))
    except (InvalidTag, ValueError):
        raise_without_context(DamagedSealError())


@cache
def _reader() -> TypeAdapter[TokenPair]:
    """Return what reads a pair; built when the first pair is read, as few programs reuse a token."""
    return TypeAdapter(TokenPair)


def _cipher(token: str | bytes) -> AESGCM:
    """Return the cipher whose key is a hash of the token, with half of its signature."""
    text = token if isinstance(token, str) else token.decode("ascii")
    message, _, segment = text.rpartition(".")
    signature = b64url_decode(segment)
    # Half of the signature, because one ECDSA signature has two valid forms, (r, s) and (r, n - s),
    # with the same first half. Half of any signature has at least 128 secret bits.
    secret = signature[: len(signature) // 2]
    return AESGCM(
        hashlib.sha256(b"tokenward successor of %b.%b" % (message.encode(), secret)).digest()
    )
