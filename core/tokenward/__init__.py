"""Tokenward: issue, decode, refresh and revoke JSON Web Tokens, in any async framework or in none."""

from tokenward._issuing import TokenPair
from tokenward.authenticator import Authenticator, Requirement
from tokenward.carriers import BearerHeader, Carrier, QueryCarrier, WebSocketProtocolCarrier
from tokenward.claims import Claims, TokenType
from tokenward.cookies import CookieCarrier, render_cookie
from tokenward.csrf import CsrfCheck, check_csrf_token
from tokenward.engine import TokenEngine
from tokenward.errors import (
    AlgorithmMismatchError,
    ConfigurationError,
    CsrfError,
    CsrfMismatchError,
    CsrfMissingError,
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
    OriginNotAllowedError,
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
from tokenward.http import Refusal, RequestView
from tokenward.keyring import KeyRing
from tokenward.keys import Key, WeakSecretWarning
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
    "CookieCarrier",
    "CsrfCheck",
    "CsrfError",
    "CsrfMismatchError",
    "CsrfMissingError",
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
    "OriginNotAllowedError",
    "PermissionDeniedError",
    "QueryCarrier",
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
    "WeakSecretWarning",
    "WebSocketProtocolCarrier",
    "WrongTokenTypeError",
    "check_csrf_token",
    "render_cookie",
]
