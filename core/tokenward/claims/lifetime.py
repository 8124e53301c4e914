"""How long tokens are valid."""

from datetime import timedelta
from enum import Enum
from typing import Final, Literal, TypeAlias

__all__ = ["NEVER", "Lifetime", "Never"]


class Never(Enum):
    """The type of `NEVER`."""

    NEVER = "never"


NEVER: Final = Never.NEVER
"""The lifetime of a token without ``exp``; with a lifetime of zero a token has expired at once."""

Lifetime: TypeAlias = timedelta | Literal[Never.NEVER]
"""How long tokens are valid."""
