"""Tokenward: issue, decode, refresh and revoke JSON Web Tokens, in any async framework or in none."""

from tokenward.claims import Claims, TokenType
from tokenward.engine import Issuers, TokenEngine
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
from tokenward.http import BearerHeader, CookieCarrier, CsrfCheck, KeyPublisher
from tokenward.keys import Key, KeyDirectory, KeyRing, RemoteKeySet, Signer
from tokenward.policy import NEVER, TokenPolicy
from tokenward.stores import MemoryStore, PrefixedStore, Revocation, RevocationStore
from tokenward.tokens import TokenPair

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
