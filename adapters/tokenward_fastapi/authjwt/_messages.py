"""What the core's errors are called in the reference, and in whose words (its own, or PyJWT's)."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from fastapi import HTTPException
from pydantic import Base64UrlBytes, TypeAdapter, ValidationError

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
from tokenward_fastapi.authjwt._engines import MissingCallbackError
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

__all__ = ["refusal_of", "unverified_part", "wrong_type"]

_SEGMENTS: Final = 3  # RFC 7515 §7.1
_BYTES: Final[TypeAdapter[bytes]] = TypeAdapter(Base64UrlBytes)
_MEMBERS: Final[TypeAdapter[dict[str, Any]]] = TypeAdapter(dict[str, Any])
_BAD_SIGNATURE: Final = (JWTDecodeError, "Signature verification failed")
_NAMED: Final[Mapping[type[TokenError], tuple[type[AuthJWTException], str]]] = {
    TokenRevokedError: (RevokedTokenError, "Token has been revoked"),
    CsrfMissingError: (CSRFError, "Missing CSRF Token"),
    CsrfMismatchError: (CSRFError, "CSRF double submit tokens do not match"),
    OriginNotAllowedError: (CSRFError, OriginNotAllowedError.message),
    InvalidSignatureError: _BAD_SIGNATURE,
    # PyJWT looks at no key id: it tries the one key that it has.
    UnknownKeyError: _BAD_SIGNATURE,
    AlgorithmMismatchError: (JWTDecodeError, "The specified alg value is not allowed"),
    TokenExpiredError: (JWTDecodeError, "Signature has expired"),
    InvalidIssuerError: (JWTDecodeError, "Invalid issuer"),
}
_CLAIMS: Final[Mapping[str, str]] = {
    "iat": "Issued At claim (iat) must be an integer.",
    "nbf": "Not Before claim (nbf) must be an integer.",
    "exp": "Expiration Time claim (exp) must be an integer.",
    "sub": "Subject must be a string",
    "jti": "JWT ID must be a string",
    "iss": "Payload Issuer (iss) must be a string",
    "aud": "Invalid claim format in token",
}


def refusal_of(
    error: TokenError, token: bytes, *, algorithms: Collection[str], has_audience: bool
) -> Exception:
    """Give what the reference raises for an error of the core.

    Args:
        error: of the core.
        token: which it is about; empty where there is none.
        algorithms: that are accepted.
        has_audience: whether one is configured.
    """
    if isinstance(error, StoreUnavailableError):
        return _failure_of_callback(error)
    if isinstance(error, InvalidRequestError):
        return InvalidHeaderError(message=str(error))
    if isinstance(error, MalformedTokenError):
        return _unreadable(token)
    if isinstance(error, UnknownKeyError) and unverified_part(token, 0)["alg"] not in algorithms:
        error = AlgorithmMismatchError()
    kind, message = _NAMED.get(type(error)) or (JWTDecodeError, str(error))
    if isinstance(error, MissingClaimError):
        message = f'Token is missing the "{error.claim}" claim'
    elif isinstance(error, InvalidClaimError):
        message = _CLAIMS.get(error.claim, message)
    elif isinstance(error, TokenNotYetValidError):
        message = f"The token is not yet valid ({error.claim})"
    elif isinstance(error, InvalidAudienceError):
        message = "Audience doesn't match" if has_audience else "Invalid audience"
    return kind(message=message)


def wrong_type(wanted: TokenType) -> AuthJWTException:
    """Give the refusal of a token of another type."""
    kind = AccessTokenRequired if wanted == "access" else RefreshTokenRequired
    return kind(message=f"Only {wanted} tokens are allowed")


def unverified_part(token: bytes, place: int) -> dict[str, Any]:
    """Read the header (0) or the payload (1) of a token, and believe none of it.

    Raises:
        UnreadableTokenError: it cannot be read.
    """
    segments = token.split(b".")
    if len(segments) < _SEGMENTS:
        raise UnreadableTokenError(message="Not enough segments")
    padded = segments[place] + b"=" * (-len(segments[place]) % 4)
    try:
        return _MEMBERS.validate_json(_BYTES.validate_python(padded))
    except ValidationError:
        message = "Invalid header string: must be a json object"
    # Raised out here: inside `except` it would carry the token.
    raise UnreadableTokenError(message=message)


def _unreadable(token: bytes) -> AuthJWTException:
    try:
        unverified_part(token, 0)
    except UnreadableTokenError as unreadable:
        return UnreadableTokenError(message=unreadable.message)
    return UnreadableTokenError(message="Invalid payload or crypto padding")


def _failure_of_callback(error: StoreUnavailableError) -> Exception:
    cause = error.__cause__
    # What a callback says in HTTP is its answer; what it fails with is nobody's business.
    if isinstance(cause, HTTPException | MissingCallbackError):
        return cause
    refusal = UnavailableError(message=str(error))
    refusal.__cause__ = cause
    return refusal
