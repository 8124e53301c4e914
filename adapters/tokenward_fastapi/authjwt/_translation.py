"""The core's errors as the reference raises them, with its own messages or those of PyJWT."""

from collections.abc import Mapping
from typing import Final

from fastapi import HTTPException

from tokenward import (
    StoreUnavailableError,
    TokenError,
    TokenExpiredError,
    TokenRevokedError,
    TokenType,
)
from tokenward.errors import (
    AlgorithmMismatchError,
    CsrfMismatchError,
    CsrfMissingError,
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    InvalidRequestError,
    InvalidSignatureError,
    MalformedTokenError,
    MissingClaimError,
    OriginNotAllowedError,
    TokenNotYetValidError,
    UnknownKeyError,
)
from tokenward_fastapi.authjwt._denylist import MissingCallbackError
from tokenward_fastapi.authjwt._unverified import unverified_header
from tokenward_fastapi.authjwt.config import LoadConfig
from tokenward_fastapi.authjwt.exceptions import (
    AccessTokenRequired,
    AuthJWTException,
    CSRFError,
    InvalidHeaderError,
    JWTDecodeError,
    RefreshTokenRequired,
    RevokedTokenError,
    UnavailableError,
    UnreadableTokenError,
)

__all__ = ["translated_error", "wrong_type"]

_BAD_SIGNATURE: Final = (JWTDecodeError, "Signature verification failed")
_TRANSLATIONS: Final[Mapping[type[TokenError], tuple[type[AuthJWTException], str]]] = {
    TokenRevokedError: (RevokedTokenError, "Token has been revoked"),
    CsrfMissingError: (CSRFError, "Missing CSRF Token"),
    CsrfMismatchError: (CSRFError, "CSRF double submit tokens do not match"),
    OriginNotAllowedError: (CSRFError, OriginNotAllowedError.message),
    InvalidSignatureError: _BAD_SIGNATURE,
    # PyJWT ignores the key id and tries its one key, so the reference reports a bad signature.
    UnknownKeyError: _BAD_SIGNATURE,
    AlgorithmMismatchError: (JWTDecodeError, "The specified alg value is not allowed"),
    TokenExpiredError: (JWTDecodeError, "Signature has expired"),
    InvalidIssuerError: (JWTDecodeError, "Invalid issuer"),
}
_CLAIM_MESSAGES: Final[Mapping[str, str]] = {
    "iat": "Issued At claim (iat) must be an integer.",
    "nbf": "Not Before claim (nbf) must be an integer.",
    "exp": "Expiration Time claim (exp) must be an integer.",
    "sub": "Subject must be a string",
    "jti": "JWT ID must be a string",
    "iss": "Payload Issuer (iss) must be a string",
    "aud": "Invalid claim format in token",
}


def translated_error(error: TokenError, token: bytes, settings: LoadConfig) -> Exception:
    """Return the error that the reference raises in place of an error of the core.

    Args:
        error: raised by the core.
        token: the token that the error is about; empty if the request has none.
        settings: decide which algorithms are accepted and whether an audience is configured.
    """
    if isinstance(error, StoreUnavailableError):
        return _callback_failure(error)
    if isinstance(error, InvalidRequestError):
        return InvalidHeaderError(message=str(error))
    if isinstance(error, MalformedTokenError):
        return _unreadable(token)
    if (
        isinstance(error, UnknownKeyError)
        and unverified_header(token)["alg"] not in settings.accepted_algorithms
    ):
        error = AlgorithmMismatchError()

    error_class, message = _TRANSLATIONS.get(type(error)) or (JWTDecodeError, str(error))
    if isinstance(error, MissingClaimError):
        message = f'Token is missing the "{error.claim}" claim'
    elif isinstance(error, InvalidClaimError):
        message = _CLAIM_MESSAGES.get(error.claim, message)
    elif isinstance(error, TokenNotYetValidError):
        message = f"The token is not yet valid ({error.claim})"
    elif isinstance(error, InvalidAudienceError):
        has_audience = settings.authjwt_decode_audience is not None
        message = "Audience doesn't match" if has_audience else "Invalid audience"
    return error_class(message=message)


def wrong_type(wanted: TokenType) -> AuthJWTException:
    """Return the error for a token of another type than the wanted one."""
    error_class = AccessTokenRequired if wanted == "access" else RefreshTokenRequired
    return error_class(message=f"Only {wanted} tokens are allowed")


def _unreadable(token: bytes) -> AuthJWTException:
    try:
        unverified_header(token)
    except UnreadableTokenError as unreadable:
        return UnreadableTokenError(message=unreadable.message)
    return UnreadableTokenError(message="Invalid payload or crypto padding")


def _callback_failure(error: StoreUnavailableError) -> Exception:
    cause = error.__cause__
    # An HTTPException is the callback's own answer. Any other failure is not shown to the client.
    if isinstance(cause, HTTPException | MissingCallbackError):
        return cause

    refusal = UnavailableError(message=str(error))
    refusal.__cause__ = cause
    return refusal
