"""The level of a login: the ``acr`` claim (OpenID Connect Core §2), as routes require it (RFC 9470)."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from tokenward._arguments import refuse

__all__ = ["check_acr", "checked_acr_values", "satisfies"]

# RFC 9470 §3: values are separated by spaces, inside of the quotes of RFC 6750 §3.
_VALUE: Final = re.compile(r"[!#-\[\]-~]+")


def check_acr(value: object, argument: str = "acr") -> None:
    """Refuse a level that a challenge could not name.

    Args:
        value: the level.
        argument: the name of the argument, for the message.

    Raises:
        ConfigurationError: it is not text, is empty, or has a space, a quote, a backslash or a
            character outside of printable ASCII.
    """
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        refuse(
            f"{argument} must be text of printable ASCII without spaces, quotes and backslashes, as "
            "in 'mfa'."
        )


def checked_acr_values(values: Collection[str], argument: str) -> tuple[str, ...]:
    """Return several levels in their order, each once.

    Args:
        values: the levels.
        argument: the name of the argument, for the message.

    Raises:
        ConfigurationError: it is one text or a set, which has no order, or see `check_acr`.
    """
    if isinstance(values, str) or not isinstance(values, Sequence):
        refuse(f"{argument} must be a list or tuple of texts, as in {argument}=['mfa'].")
    for value in values:
        check_acr(value, f"Each value of {argument}")
    return tuple(dict.fromkeys(values))


def satisfies(acr: str | None, required: Collection[str], levels: Sequence[str]) -> bool:
    """Whether a login is at one of the required levels, or at a stronger one.

    Args:
        acr: the level of the login; None: unknown, which satisfies nothing.
        required: the levels of which one is required.
        levels: the levels that have an order, from the weakest to the strongest. A level that is not
            among them satisfies only itself.
    """
    if acr is None or acr in required:
        return acr is not None
    if acr not in levels:
        return False
    weaker = levels[: levels.index(acr)]
    return not frozenset(weaker).isdisjoint(required)
