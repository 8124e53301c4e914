"""Checks the values of claims: each must mean the same to everyone who reads the token."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from pydantic_core import to_json

from tokenward.errors import ConfigurationError

__all__ = ["check_claim_values"]

# These keep their meaning. To write each of them alone would cost some microseconds.
_PLAIN: Final = frozenset(
    {str, int, float, bool, type(None), UUID, Decimal, date, time, timedelta, bytes}
)
_COLLECTIONS: Final = (list, tuple, set, frozenset)
# What Pydantic writes for a SecretStr. Inside of a text, a quote would follow a backslash.
_MASK: Final = re.compile(rb'(?:^|[:,\[])"\*{10}"')


def check_claim_values(claims: Mapping[str, object]) -> None:
    """Refuse values that are written as JSON and lose their meaning.

    Some readers take a datetime without a time zone for UTC, others for their local time. A secret
    is written as asterisks. An iterator is empty when the second token of a pair is written.

    Args:
        claims: the caller's claims, which can be written as JSON.

    Raises:
        ConfigurationError: a claim has such a value, at any depth.

    Not checked: datetimes and iterators in the fields of your own models and dataclasses.
    """
    for name, value in claims.items():
        if type(value) not in _PLAIN:
            _check(name, (value,))


def _check(name: str, values: Iterable[object]) -> None:
    for value in values:
        if type(value) in _PLAIN:
            continue
        if isinstance(value, _COLLECTIONS):
            _check(name, value)
        elif isinstance(value, Mapping):
            _check(name, value.values())
        elif isinstance(value, datetime) and value.utcoffset() is None:
            msg = f"The claim {name} has a datetime without a time zone: use datetime.now(UTC)."
            raise ConfigurationError(msg)
        elif isinstance(value, Iterator):
            msg = f"The claim {name} has an iterator, which can be read only once: use a list."
            raise ConfigurationError(msg)
        elif _MASK.search(to_json(value)):
            msg = (
                f"The claim {name} has a secret (SecretStr), which is written as asterisks. Everyone "
                "who has a token can read it: leave the secret out, or pass get_secret_value()."
            )
            raise ConfigurationError(msg)
