"""The engine, which joins keys, tokens and sessions.

`Issuers` combines the engines of several issuers; both are a `TokenVerifier`. A `FormerEngine` is one
of these engines, for tokens from before a migration.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from tokenward.engine.token_engine import TokenEngine
from tokenward.engine.verifier import TokenVerifier
from tokenward.jose.signature_cache import SignatureCacheUse

if TYPE_CHECKING:
    from tokenward.engine.former_engine import FormerEngine
    from tokenward.engine.issuers import Issuers
    from tokenward.engine.session_list import OpenSession, SessionList
else:
    _LATE = {
        "FormerEngine": "tokenward.engine.former_engine",
        "Issuers": "tokenward.engine.issuers",
        "OpenSession": "tokenward.engine.session_list",
        "SessionList": "tokenward.engine.session_list",
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
    "FormerEngine",
    "Issuers",
    "OpenSession",
    "SessionList",
    "SignatureCacheUse",
    "TokenEngine",
    "TokenVerifier",
]
