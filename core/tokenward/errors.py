"""Every way in which Tokenward says no.

Each class has a stable ``code`` for programs and a constant message for people. Neither ever holds
a part of a token, a key or a claim's value. HTTP is not mentioned here: `tokenward.http` maps an
error to a status and a challenge. ::

    TokenwardError
    ├── ConfigurationError (ValueError)   the programmer's mistake, raised while building or issuing
    │   ├── InvalidKeyError
    │   └── SigningKeyError
    └── TokenError                        a request or its token was refused
        ├── InvalidRequestError
        ├── MissingTokenError
        ├── InvalidTokenError             the token itself is not acceptable
        │   ├── MalformedTokenError
        │   ├── UnsupportedHeaderError
        │   ├── UnknownKeyError
        │   ├── AlgorithmMismatchError
        │   ├── InvalidSignatureError
        │   ├── MissingClaimError
        │   ├── InvalidClaimError
        │   ├── InvalidIssuerError
        │   ├── InvalidAudienceError
        │   ├── WrongTokenTypeError
        │   ├── TokenNotYetValidError
        │   ├── TokenExpiredError
        │   ├── TokenTooOldError
        │   ├── TokenRevokedError
        │   ├── RefreshTokenReusedError
        │   ├── RefreshTokenSupersededError
        │   └── TokenRejectedError
        ├── FreshTokenRequiredError
        ├── InsufficientScopeError
        ├── PermissionDeniedError
        ├── CsrfError                     a cookie came without the proof that its own page sent it
        │   ├── CsrfMissingError
        │   ├── CsrfMismatchError
        │   └── OriginNotAllowedError
        ├── StoreUnavailableError
        └── KeysUnavailableError
"""

from typing import ClassVar, NoReturn

__all__ = [
    "AlgorithmMismatchError",
    "ConfigurationError",
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
    "KeysUnavailableError",
    "MalformedTokenError",
    "MissingClaimError",
    "MissingTokenError",
    "OriginNotAllowedError",
    "PermissionDeniedError",
    "RefreshTokenReusedError",
    "RefreshTokenSupersededError",
    "SigningKeyError",
    "StoreUnavailableError",
    "TokenError",
    "TokenExpiredError",
    "TokenNotYetValidError",
    "TokenRejectedError",
    "TokenRevokedError",
    "TokenTooOldError",
    "TokenwardError",
    "UnknownKeyError",
    "UnsupportedHeaderError",
    "WrongTokenTypeError",
    "raise_without_context",
]


class TokenwardError(Exception):
    """The root of the tree: everything that Tokenward itself raises on purpose."""

    code: ClassVar[str] = "error"
    """A stable, unique name for programs; it never changes between releases."""

    message: ClassVar[str] = "Something went wrong."
    """What is said when the raiser adds nothing."""

    def __init__(self, message: str | None = None) -> None:
        """Take a message that names no token, key or claim value; the class has a default."""
        super().__init__(self.message if message is None else message)


def raise_without_context(error: Exception) -> NoReturn:
    """Raise an error in an ``except`` block without the error that is handled there.

    That one may hold a part of a token, a key or a setting; ``raise ... from None`` only hides it
    from tracebacks, and error reporters read it from ``__context__``.
    """
    try:
        raise error
    finally:
        error.__context__ = None


class ConfigurationError(TokenwardError, ValueError):
    """A setting, an argument or a combination of them cannot be used; the message names the fix."""

    code = "configuration_invalid"
    message = "The configuration is not usable."


class InvalidKeyError(ConfigurationError):
    """The key material is unfit for its algorithm, or is not a key at all."""

    code = "key_invalid"
    message = "The key cannot be used."


class SigningKeyError(ConfigurationError):
    """A key that can only verify was asked to sign."""

    code = "key_cannot_sign"
    message = "This key has no private part: it verifies and cannot sign."


class TokenError(TokenwardError):
    """A request was refused because of its token; the only kind that a client can cause."""

    code = "token_error"
    message = "The token was refused."


class InvalidRequestError(TokenError):
    """The request carries its credentials in a way that cannot be read with certainty."""

    code = "invalid_request"
    message = "The request carries more than one credential."


class MissingTokenError(TokenError):
    """No token was sent where one is required."""

    code = "token_missing"
    message = "A token is required."


class InvalidTokenError(TokenError):
    """The token that was sent is not acceptable; RFC 6750 calls all of these ``invalid_token``."""

    code = "token_invalid"
    message = "The token is not valid."


class MalformedTokenError(InvalidTokenError):
    """The text is not a JWS in compact form, or its parts are not what RFC 7515 and 7519 say."""

    code = "token_malformed"
    message = "The token is malformed."


class UnsupportedHeaderError(InvalidTokenError):
    """The header asks for something that would change what the token means."""

    code = "header_unsupported"
    message = "The token's header has a parameter that is not supported."


class UnknownKeyError(InvalidTokenError):
    """No key of the ring belongs to this token."""

    code = "key_unknown"
    message = "The token is signed with a key that is not known here."


class AlgorithmMismatchError(InvalidTokenError):
    """The header names another algorithm than the one the key is bound to."""

    code = "algorithm_mismatch"
    message = "The token's algorithm is not the key's."


class InvalidSignatureError(InvalidTokenError):
    """The signature does not belong to this text and this key."""

    code = "signature_invalid"
    message = "The token's signature is not valid."


class _ClaimError(InvalidTokenError):
    def __init__(self, claim: str, message: str | None = None) -> None:
        super().__init__(message or f"{self.message} Claim: {claim}.")
        self.claim = claim


class MissingClaimError(_ClaimError):
    """A claim that the policy or the claims model requires is absent; `claim` is its name."""

    code = "claim_missing"
    message = "The token lacks a required claim."


class InvalidClaimError(_ClaimError):
    """A claim has the wrong type or a value that cannot be; `claim` is its name."""

    code = "claim_invalid"
    message = "A claim of the token is not valid."


class InvalidIssuerError(InvalidTokenError):
    """The token was issued by somebody else."""

    code = "issuer_invalid"
    message = "The token was issued by somebody else."


class InvalidAudienceError(InvalidTokenError):
    """The token is meant for somebody else."""

    code = "audience_invalid"
    message = "The token is meant for somebody else."


class WrongTokenTypeError(InvalidTokenError):
    """An access token was needed and a refresh token came, or the other way round, or neither."""

    code = "token_type_invalid"
    message = "The token is of the wrong type."


class TokenNotYetValidError(InvalidTokenError):
    """The token says that its time has not come: `claim`, ``nbf`` or ``iat``, is in the future."""

    code = "token_not_yet_valid"
    message = "The token is not valid yet."

    def __init__(self, message: str | None = None, *, claim: str = "nbf") -> None:
        """Take the name of the claim that says so."""
        super().__init__(message)
        self.claim = claim


class TokenExpiredError(InvalidTokenError):
    """The token was good and its time is over."""

    code = "token_expired"
    message = "The token has expired."


class TokenTooOldError(InvalidTokenError):
    """The token was issued longer ago than the policy's `max_token_age`; its ``exp`` may be later."""

    code = "token_too_old"
    message = "The token was issued too long ago."


class TokenRevokedError(InvalidTokenError):
    """The token, its session or its subject was revoked."""

    code = "token_revoked"
    message = "The token has been revoked."


class RefreshTokenReusedError(InvalidTokenError):
    """A refresh token came a second time; its session has been ended."""

    code = "refresh_token_reused"
    message = "The refresh token was used before. The session has been ended."


class RefreshTokenSupersededError(InvalidTokenError):
    """A refresh token came again within the grace, and a newer one is already in use.

    Nothing is issued, and the session goes on: the client has a newer token, or another of its tabs
    has, and refreshes with that one.
    """

    code = "refresh_token_superseded"
    message = "The refresh token has been replaced by a newer one."


class TokenRejectedError(InvalidTokenError):
    """Raised by the user's own `after_decode` hooks to refuse a token."""

    code = "token_rejected"
    message = "The token was rejected."


class FreshTokenRequiredError(TokenError):
    """The token is good, but its user proved who they are too long ago.

    `max_age_seconds` is how long ago that may be, or None where the token must be marked fresh.
    """

    code = "fresh_token_required"
    message = "A fresh login is required."

    def __init__(self, max_age_seconds: int | None = None) -> None:
        """Take the bound that was not met, in seconds."""
        super().__init__()
        self.max_age_seconds = max_age_seconds


class InsufficientScopeError(TokenError):
    """The token lacks a scope; `required` are all the scopes that the route asks for."""

    code = "insufficient_scope"
    message = "The token's scope is not enough."

    def __init__(self, required: tuple[str, ...] = ()) -> None:
        """Take the scopes that were asked for: the route's own words, not the token's."""
        super().__init__()
        self.required = required


class PermissionDeniedError(TokenError):
    """The route's own `check` said no to these claims."""

    code = "permission_denied"
    message = "The token does not allow this."


class CsrfError(TokenError):
    """A browser may have been made to send its cookie by a page that is not ours."""

    code = "csrf_failed"
    message = "The request may come from another site."


class CsrfMissingError(CsrfError):
    """The token came in a cookie, and the CSRF token that must come beside it is absent."""

    code = "csrf_missing"
    message = "A CSRF token is required beside the cookie."


class CsrfMismatchError(CsrfError):
    """The CSRF token is not the one that belongs to the session of the cookie."""

    code = "csrf_mismatch"
    message = "The CSRF token does not belong to this session."


class OriginNotAllowedError(CsrfError):
    """A page of an origin that is not allowed sent a cookie, or asked for a login."""

    code = "origin_not_allowed"
    message = "This request is not allowed from this origin."


class StoreUnavailableError(TokenError):
    """The revocation store did not answer, so nobody can say whether the token is revoked."""

    code = "store_unavailable"
    message = "Revocation cannot be checked at the moment."


class KeysUnavailableError(TokenError):
    """The issuer's keys are not at hand, so nobody can say whether the token is signed by it."""

    code = "keys_unavailable"
    message = "The issuer's keys cannot be had at the moment."
