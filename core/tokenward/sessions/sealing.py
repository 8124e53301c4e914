"""Keeps a pair of tokens in a store so that only the holder of the token before them can read it."""

import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import TypeAdapter

from tokenward.errors import raise_without_context
from tokenward.jose.codec import b64url_decode
from tokenward.tokens.pair import TokenPair

__all__ = ["DamagedSealError", "open_pair", "seal_pair"]

_NONCE_BYTES: Final = 12  # NIST SP 800-38D §5.2.1.1
_PAIR: Final = TypeAdapter(TokenPair)


class DamagedSealError(Exception):
    """A sealed pair was sealed under another token, or has been changed."""


def seal_pair(token: str | bytes, pair: TokenPair) -> bytes:
    """Encrypt a pair under the token that it replaces; its signature cannot be guessed."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(token).encrypt(nonce, _PAIR.dump_json(pair), None)


def open_pair(token: str | bytes, sealed: bytes) -> TokenPair:
    """Decrypt what `seal_pair` returned for the same token.

    Raises:
        DamagedSealError: it was sealed for another token, has been changed, or is no sealed pair.
    """
    nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return _PAIR.validate_json(_cipher(token).decrypt(nonce, encrypted, None))
    except (InvalidTag, ValueError):
        raise_without_context(DamagedSealError())


def _cipher(token: str | bytes) -> AESGCM:
    text = token if isinstance(token, str) else token.decode("ascii")
    message, _, segment = text.rpartition(".")
    signature = b64url_decode(segment)
    # The first half of the signature is secret enough, and the same in all forms of one signature:
    # where (r, s) is valid for ECDSA, so is (r, n - s).
    secret = signature[: len(signature) // 2]
    return AESGCM(
        hashlib.sha256(b"tokenward successor of %b.%b" % (message.encode(), secret)).digest()
    )
