"""The names of identities in a store that engines and `PrefixedStore` share, without collisions.

A `PrefixedStore` puts the length of its prefix, a colon and the prefix in front of an identity. An
engine puts the empty prefix (``0:``) in front of an identity that looks prefixed. Therefore the
subject "5:alice1" is never the subject "1" of the prefix "alice", at any depth of prefixes.
"""

import re
from dataclasses import replace
from typing import Final

from tokenward.stores.protocol import Consumption, Revocation

__all__ = ["own_name", "prefix_of", "with_own_name", "with_own_names"]

_LOOKS_PREFIXED: Final = re.compile(r"[0-9]+:")


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
    """Return a consumption with the names of its tokens in the store."""
    # The test is cheap, and true for every identity that the engine generates by default.
    if ":" not in consumption.jti and ":" not in consumption.successor:
        return consumption
    return replace(
        consumption, jti=own_name(consumption.jti), successor=own_name(consumption.successor)
    )
