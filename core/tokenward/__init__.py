"""Tokenward: issue, decode, refresh and revoke JSON Web Tokens, in any async framework or in none."""

from tokenward._issuing import TokenPair
from tokenward.authenticator import Authenticator, Requirement
from tokenward.claims import Claims, TokenType
from tokenward.engine import TokenEngine
from tokenward.errors import (
    AlgorithmMismatchError,
    ConfigurationError,
    FreshTokenRequiredError,
    InsufficientScopeError,
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    InvalidKeyError,
    InvalidRequestError,
    InvalidSignatureError,
    InvalidTokenError,
    MalformedTokenError,
    MissingClaimError,
    MissingTokenError,
    PermissionDeniedError,
    RefreshTokenReusedError,
    SigningKeyError,
    StoreUnavailableError,
    TokenError,
    TokenExpiredError,
    TokenNotYetValidError,
    TokenRejectedError,
    TokenRevokedError,
    TokenwardError,
    UnknownKeyError,
    UnsupportedHeaderError,
    WrongTokenTypeError,
)
from tokenward.hooks import TokenDraft
from tokenward.http import BearerHeader, Carrier, Refusal, RequestView
from tokenward.keyring import KeyRing
from tokenward.keys import Key
from tokenward.policy import NEVER, TokenPolicy
from tokenward.revocation import Revocation, RevocationStore
from tokenward.stores.memory import MemoryStore

__all__ = [
    "NEVER",
    "AlgorithmMismatchError",
    "Authenticator",
    "BearerHeader",
    "Carrier",
    "Claims",
    "ConfigurationError",
    "FreshTokenRequiredError",
    "InsufficientScopeError",
    "InvalidAudienceError",
    "InvalidClaimError",
    "InvalidIssuerError",
    "InvalidKeyError",
    "InvalidRequestError",
    "InvalidSignatureError",
    "InvalidTokenError",
    "Key",
    "KeyRing",
    "MalformedTokenError",
    "MemoryStore",
    "MissingClaimError",
    "MissingTokenError",
    "PermissionDeniedError",
    "RefreshTokenReusedError",
    "Refusal",
    "RequestView",
    "Requirement",
    "Revocation",
    "RevocationStore",
    "SigningKeyError",
    "StoreUnavailableError",
    "TokenDraft",
    "TokenEngine",
    "TokenError",
    "TokenExpiredError",
    "TokenNotYetValidError",
    "TokenPair",
    "TokenPolicy",
    "TokenRejectedError",
    "TokenRevokedError",
    "TokenType",
    "TokenwardError",
    "UnknownKeyError",
    "UnsupportedHeaderError",
    "WrongTokenTypeError",
]
