"""Writing, reading and validating the claims of a token.

Also the inspection of a token without verifying it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from tokenward.tokens.pair import TokenPair
from tokenward.tokens.proven_key import ProvenKey
from tokenward.tokens.provider_login import ProviderLogin

if TYPE_CHECKING:
    from tokenward.tokens.inspection import UnverifiedToken, list_faults, read_unverified
else:
    _LATE = {
        "UnverifiedToken": "tokenward.tokens.inspection",
        "list_faults": "tokenward.tokens.inspection",
        "read_unverified": "tokenward.tokens.inspection",
    }

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
    "ProvenKey",
    "ProviderLogin",
    "TokenPair",
    "UnverifiedToken",
    "list_faults",
    "read_unverified",
]
