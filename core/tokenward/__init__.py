"""Tokenward: issue, decode, refresh and revoke JSON Web Tokens, in any async framework or in none."""

from importlib import import_module
from typing import TYPE_CHECKING

from tokenward.claims import Claims, TokenType
from tokenward.engine import TokenEngine
from tokenward.errors import (
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    RefreshTokenReusedError,
    StoreUnavailableError,
    TokenError,
    TokenExpiredError,
    TokenRejectedError,
    TokenRevokedError,
    TokenwardError,
)
from tokenward.hooks import TokenDraft
from tokenward.keys import Key, KeyRing, Signer
from tokenward.policy import NEVER, TokenPolicy
from tokenward.stores import Revocation, RevocationStore
from tokenward.tokens import TokenPair

if TYPE_CHECKING:
    from tokenward.engine import Issuers
    from tokenward.http import BearerHeader, CookieCarrier, CsrfCheck, KeyPublisher
    from tokenward.keys import KeyDirectory, RemoteKeySet
    from tokenward.stores import MemoryStore, PrefixedStore
else:
    _LATE = {
        "Issuers": "tokenward.engine",
        "BearerHeader": "tokenward.http",
        "CookieCarrier": "tokenward.http",
        "CsrfCheck": "tokenward.http",
        "KeyPublisher": "tokenward.http",
        "KeyDirectory": "tokenward.keys",
        "RemoteKeySet": "tokenward.keys",
        "MemoryStore": "tokenward.stores",
        "PrefixedStore": "tokenward.stores",
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
    "NEVER",
    "BearerHeader",
    "Claims",
    "ConfigurationError",
    "CookieCarrier",
    "CsrfCheck",
    "InvalidTokenError",
    "Issuers",
    "Key",
    "KeyDirectory",
    "KeyPublisher",
    "KeyRing",
    "MemoryStore",
    "PermissionDeniedError",
    "PrefixedStore",
    "RefreshTokenReusedError",
    "RemoteKeySet",
    "Revocation",
    "RevocationStore",
    "Signer",
    "StoreUnavailableError",
    "TokenDraft",
    "TokenEngine",
    "TokenError",
    "TokenExpiredError",
    "TokenPair",
    "TokenPolicy",
    "TokenRejectedError",
    "TokenRevokedError",
    "TokenType",
    "TokenwardError",
]
