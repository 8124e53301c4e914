"""The options of a `RemoteKeySet`, and their checks."""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypedDict

from tokenward.errors import ConfigurationError
from tokenward.jose.algorithms import ALGORITHMS

if TYPE_CHECKING:
    import httpx

__all__ = ["RemoteKeySetOptions", "checked_algorithms", "checked_hosts", "checked_seconds"]

_HOST_NAME: Final = re.compile(
    # The last label starts with a letter: a number there makes the name an IP address.
    r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z](?:[a-z0-9_-]*[a-z0-9_])?"
)


class RemoteKeySetOptions(TypedDict, total=False):
    """The options of `RemoteKeySet`, which documents them."""

    algorithms: Collection[str] | None
    client: "httpx.AsyncClient | None"
    lifetime: timedelta
    max_lifetime: timedelta
    stale_for: timedelta
    cooldown: timedelta
    timeout: timedelta
    plain_http_hosts: Collection[str]


def checked_seconds(value: timedelta, setting: str, *, may_be_zero: bool = False) -> float:
    """Return a duration in seconds.

    Raises:
        ConfigurationError: it is not a timedelta, or too short.
    """
    least = timedelta(0) if may_be_zero else timedelta.resolution
    if not isinstance(value, timedelta) or value < least:
        msg = f"{setting} must be a timedelta {'that is not negative' if may_be_zero else 'above zero'}."
        raise ConfigurationError(msg)
    return value.total_seconds()


def checked_algorithms(names: Collection[str] | None) -> frozenset[str] | None:
    """Return the names of the only accepted algorithms; None: every algorithm with a public key.

    Raises:
        ConfigurationError: there is none, or one of them is unknown or takes a secret.
    """
    if names is None:
        return None
    known = {name for name, row in ALGORITHMS.items() if row.key_type != "oct"}
    if isinstance(names, str) or not names or not known.issuperset(names):
        msg = f"algorithms must be some of: {', '.join(sorted(known))}."
        raise ConfigurationError(msg)
    return frozenset(names)


def checked_hosts(names: Collection[str]) -> frozenset[str]:
    """Return the names of the hosts that may be reached over plain http, in lower case.

    Raises:
        ConfigurationError: it is not a collection, or one of them is not only a host name.
    """
    is_collection = isinstance(names, Collection) and not isinstance(names, str | bytes | Mapping)
    if not is_collection or not all(
        isinstance(name, str) and name.isascii() and _HOST_NAME.fullmatch(name.lower())
        for name in names
    ):
        msg = (
            "plain_http_hosts must be a collection of exact host names, without scheme, port, path,"
            ' wildcard and IP address, such as plain_http_hosts=["keycloak"].'
        )
        raise ConfigurationError(msg)
    return frozenset(name.lower() for name in names)
