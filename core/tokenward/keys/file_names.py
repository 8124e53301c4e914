"""The names of the files in a key directory."""

import re
import secrets
from typing import Final

from tokenward.jose.key import Key

__all__ = [
    "FILE_NAME",
    "JWK_SUFFIX",
    "LOCK_NAME",
    "MANIFEST_NAME",
    "PEM_SUFFIX",
    "is_leftover",
    "is_own",
    "new_name",
    "temporary_name",
]

PEM_SUFFIX: Final = ".pem"
JWK_SUFFIX: Final = ".jwk.json"
LOCK_NAME: Final = ".lock"
MANIFEST_NAME: Final = "ring.json"
FILE_NAME: Final = re.compile(r"[^./\\\x00][^/\\\x00]*\.(pem|jwk\.json)")
"""A name without a path, not hidden. The target of a link is checked when the file is read."""

_OWN: Final = re.compile(r"key-[A-Za-z0-9_-]{0,40}\.[0-9a-f]{16}\.(pem|jwk\.json)")
_TEMPORARY: Final = re.compile(r"\.[0-9a-f]{16}\.tmp")


def new_name(key: Key, suffix: str) -> str:
    """Return a name that no file has, so that a key in use is never overwritten."""
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", key.kid or "")[:40]
    return f"key-{readable}.{secrets.token_hex(8)}{suffix}"


def temporary_name() -> str:
    """Return the name under which a file is written before it gets its own."""
    return f".{secrets.token_hex(8)}.tmp"


def is_own(name: str) -> bool:
    """Whether `new_name` made this name. Without a manifest such files are leftovers of a crash."""
    return bool(_OWN.fullmatch(name))


def is_leftover(name: str) -> bool:
    """Whether a file of this name that no manifest names is left from a crash."""
    return is_own(name) or bool(_TEMPORARY.fullmatch(name))
