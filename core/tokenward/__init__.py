"""Tokenward: issue, decode, refresh and revoke JSON Web Tokens, in any async framework or in none."""

from tokenward._grants import TokenPair
from tokenward._memory import SignatureMemoryUse
from tokenward._wiring import claims_in, holds_claims, named_arguments_only
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
    KeysUnavailableError,
    MalformedTokenError,
    MissingClaimError,
    MissingTokenError,
    OriginNotAllowedError,
    PermissionDeniedError,
    RefreshTokenReusedError,
    RefreshTokenSupersededError,
    SigningKeyError,
    StoreUnavailableError,
    TokenError,
    TokenExpiredError,
    TokenNotYetValidError,
    TokenRejectedError,
    TokenRevokedError,
    TokenTooOldError,
    TokenwardError,
    UnknownKeyError,
    UnsupportedHeaderError,
    WrongTokenTypeError,
)
from tokenward.hooks import TokenDraft
from tokenward.http import Refusal, RequestView
from tokenward.issuers import Issuers, TokenJudge
from tokenward.jwks import RemoteKeySet
from tokenward.keydir import KeyDirectory
from tokenward.keyring import KeyEntry, KeyRing
from tokenward.keys import Key, WeakSecretWarning
from tokenward.keysources import RemoteKeys, Signer
from tokenward.policy import NEVER, TokenPolicy
from tokenward.publishing import KeyPublisher, PublishedAnswer
from tokenward.revocation import Revocation, RevocationStore
from tokenward.stores.memory import MemoryStore
from tokenward.stores.prefixed import PrefixedStore

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
    "Issuers",
    "Key",
    "KeyDirectory",
    "KeyEntry",
    "KeyPublisher",
    "KeyRing",
    "KeysUnavailableError",
    "MalformedTokenError",
    "MemoryStore",
    "MissingClaimError",
    "MissingTokenError",
    "OriginNotAllowedError",
    "PermissionDeniedError",
    "PrefixedStore",
    "PublishedAnswer",
    "QueryCarrier",
    "RefreshTokenReusedError",
    "RefreshTokenSupersededError",
    "Refusal",
    "RemoteKeySet",
    "RemoteKeys",
    "RequestView",
    "Requirement",
    "Revocation",
    "RevocationStore",
    "SignatureMemoryUse",
    "Signer",
    "SigningKeyError",
    "StoreUnavailableError",
    "TokenDraft",
    "TokenEngine",
    "TokenError",
    "TokenExpiredError",
    "TokenJudge",
    "TokenNotYetValidError",
    "TokenPair",
    "TokenPolicy",
    "TokenRejectedError",
    "TokenRevokedError",
    "TokenTooOldError",
    "TokenType",
    "TokenwardError",
    "UnknownKeyError",
    "UnsupportedHeaderError",
    "WeakSecretWarning",
    "WebSocketProtocolCarrier",
    "WrongTokenTypeError",
    "check_csrf_token",
    "claims_in",
    "holds_claims",
    "named_arguments_only",
    "render_cookie",
]
