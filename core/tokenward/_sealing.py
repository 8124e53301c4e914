"""Keeps a pair of tokens in a store so that only the holder of the token before them can read it."""

import hashlib
import os
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import TypeAdapter

from tokenward._grants import TokenPair

__all__ = ["open_pair", "seal_pair"]

_NONCE_BYTES: Final = 12  # NIST SP 800-38D §5.2.1.1
_PAIR: Final = TypeAdapter(TokenPair)


def seal_pair(token: str | bytes, pair: TokenPair) -> bytes:
    """Encrypt a pair under the token that it replaces; its signature cannot be guessed."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(token).encrypt(nonce, _PAIR.dump_json(pair), None)


def open_pair(token: str | bytes, sealed: bytes) -> TokenPair:
    """Decrypt what `seal_pair` gave for the same token.

    Raises:
        cryptography.exceptions.InvalidTag: it was given for another, or has been changed.
    """
    nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    return _PAIR.validate_json(_cipher(token).decrypt(nonce, encrypted, None))


def _cipher(token: str | bytes) -> AESGCM:
    text = token.encode() if isinstance(token, str) else token
    return AESGCM(hashlib.sha256(b"tokenward successor of " + text).digest())
