"""The names that engines and `PrefixedStore` give to identities in one store; no two ever meet.

A `PrefixedStore` puts the length of its prefix, a colon and the prefix before an identity. An
engine puts the empty prefix (``0:``) before an identity that looks as if it had one. So a subject
called "5:alice1" is never the subject "1" of the prefix "alice", at any depth of prefixes.
"""

import re
from dataclasses import replace
from typing import Final

from tokenward.stores.protocol import Consumption, Revocation

__all__ = ["own_name", "prefix_of", "with_own_name", "with_own_names"]

_LOOKS_PREFIXED: Final = re.compile(r"[0-9]+:")


def prefix_of(name: str) -> str:
    """Return what `PrefixedStore` puts before identities; the length keeps prefixes apart."""
    return f"{len(name)}:{name}"


def own_name(identity: str) -> str:
    """Return the name under which an engine knows an identity in its store."""
    # The first test is cheap, and settles nearly every identity.
    if ":" in identity and _LOOKS_PREFIXED.match(identity):
        return f"0:{identity}"
    return identity


def with_own_name(revocation: Revocation) -> Revocation:
    """Return the record that an engine puts into its store."""
    name = own_name(revocation.identity)
    return revocation if name == revocation.identity else replace(revocation, identity=name)


def with_own_names(consumption: Consumption) -> Consumption:
    """Return the use that an engine tells its store."""
    # The test is cheap, and true for every identity that the engine makes by default.
    if ":" not in consumption.jti and ":" not in consumption.successor:
        return consumption
    return replace(
        consumption, jti=own_name(consumption.jti), successor=own_name(consumption.successor)
    )
