"""The names of identities in a store that engines and `PrefixedStore` share, without collisions.

A `PrefixedStore` puts the length of its prefix, a colon and the prefix in front of an identity. An
engine puts the empty prefix (``0:``) in front of an identity that looks prefixed. Therefore the
subject "5:alice1" is never the subject "1" of the prefix "alice", at any depth of prefixes.
"""

import hashlib
import re
from dataclasses import replace
from typing import Final

from tokenward.stores.protocol import Consumption, Revocation

__all__ = [
    "LONGEST_KEY",
    "is_digest",
    "key_of",
    "own_name",
    "prefix_of",
    "with_own_name",
    "with_own_names",
]

_LOOKS_PREFIXED: Final = re.compile(r"[0-9]+:")
LONGEST_KEY: Final = 200
_HASHED: Final = "sha256:"


def key_of(identity: str) -> str:
    """Return the key of an identity; different identities have different keys.

    Short, printable ASCII is its own key. Other identities could exceed a limit of a database (its
    encoding, NUL, the size of an index row), so the key is their SHA-256.
    """
    if (
        len(identity) <= LONGEST_KEY
        and identity.isascii()
        and identity.isprintable()
        and not identity.startswith(_HASHED)
    ):
        return identity
    return _HASHED + hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()


def is_digest(key: str) -> bool:
    """Whether a key is a digest of its identity, not the identity itself."""
    return key.startswith(_HASHED)


def prefix_of(name: str) -> str:
    """Return the prefix of identities in a `PrefixedStore`; its length keeps prefixes apart."""
    return f"{len(name)}:{name}"


def own_name(identity: str) -> str:
    """Return the name of an engine's identity in its store."""
    # The first test is cheap, and sufficient for nearly every identity.
    if ":" in identity and _LOOKS_PREFIXED.match(identity):
        return f"0:{identity}"
    return identity


def with_own_name(revocation: Revocation) -> Revocation:
    """Return a revocation with the identity's name in the store."""
    name = own_name(revocation.identity)
    return revocation if name == revocation.identity else replace(revocation, identity=name)


def with_own_names(consumption: Consumption) -> Consumption:
    """Return a consumption with the names of its session and its tokens in the store."""
    session, jti, successor = consumption.session, consumption.jti, consumption.successor
    # The test is cheap, and true for every identity that the engine generates by default.
    if ":" not in session and ":" not in jti and ":" not in successor:
        return consumption
    return replace(
        consumption,
        session=own_name(session),
        jti=own_name(jti),
        successor=own_name(successor),
    )
