"""The claims of a token as a frozen Pydantic model that users subclass.

The other modules make sure that every subclass reads registered claims in the same way.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from tokenward.claims.actor import Actor, ActorRule
from tokenward.claims.confirmation import Confirmation
from tokenward.claims.model import RESERVED_CLAIMS, Claims, TokenType

if TYPE_CHECKING:
    from tokenward.claims.payload import PayloadClaims
else:
    _LATE = {"PayloadClaims": "tokenward.claims.payload"}

    def __getattr__(name: str) -> object:
        """Import a name of `_LATE` when it is first used (PEP 562): many programs never use it.

        Raises:
            AttributeError: there is no such name.
        """
        if name not in _LATE:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        return getattr(import_module(_LATE[name]), name)


__all__ = [
    "RESERVED_CLAIMS",
    "Actor",
    "ActorRule",
    "Claims",
    "Confirmation",
    "PayloadClaims",
    "TokenType",
]
