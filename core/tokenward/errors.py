"""All errors of Tokenward.

Each class has a stable ``code`` for programs and a constant message for people. Neither ever holds
a part of a token, a key or a claim's value. `tokenward.http` maps an error to a status and a
challenge. ::

    TokenwardError
    ├── ConfigurationError (ValueError)   a programming mistake: InvalidKeyError, SigningKeyError
    └── TokenError                        a request or its token is refused
          InvalidRequestError, MissingTokenError, InsufficientAuthenticationError,
          FreshTokenRequiredError, DpopProofError, DpopNonceRequiredError,
          InsufficientScopeError, PermissionDeniedError, StoreUnavailableError,
          KeysUnavailableError
        ├── InvalidTokenError             the token itself is invalid
        │     MalformedTokenError, UnsupportedHeaderError, UnknownKeyError, AlgorithmMismatchError,
        │     InvalidSignatureError, MissingClaimError, InvalidClaimError, InvalidIssuerError,
        │     InvalidAudienceError, WrongTokenTypeError, TokenNotYetValidError, TokenExpiredError,
        │     TokenTooOldError, TokenRevokedError, RefreshTokenReusedError,
        │     RefreshTokenSupersededError, KeyBindingError, TokenRejectedError
        └── CsrfError                     a cookie, without proof that an allowed page sent it
              CsrfMissingError, CsrfMismatchError, OriginNotAllowedError
"""

from typing import ClassVar


class TokenwardError(Exception):
    """The base class of all errors of Tokenward."""

    code: ClassVar[str] = "error"
    """A stable and unique name for programs; it never changes between releases."""
    message: ClassVar[str] = "Something went wrong."
    """The default message of the class."""

    def __init__(self, message: str | None = None) -> None:
        """Take a message without tokens, keys and claim values; None: the class's default."""
        super().__init__(self.message if message is None else message)

    def __init_subclass__(cls, *, code: str | None = None) -> None:
        """Set the code of a subclass; None: the code of its base class."""
        super().__init_subclass__()
        cls.code = cls.code if code is None else code


class ConfigurationError(TokenwardError, ValueError, code="configuration_invalid"):
    """A setting, an argument or a combination of them is invalid; the message names the fix."""

    message = "The configuration is invalid."


class InvalidKeyError(ConfigurationError, code="key_invalid"):
    """The key material does not fit the algorithm, or is not a key."""

    message = "The key cannot be used."


class SigningKeyError(ConfigurationError, code="key_cannot_sign"):
    """A key that only verifies was used to sign."""

    message = "The key has no private part: it can verify, but not sign."


class TokenError(TokenwardError, code="token_error"):
    """A request is refused because of its token: the only errors that a client can cause."""

    message = "The token was refused."
    is_reported: bool = False
    """Whether `on_refuse` hooks have been called with this error."""
    scheme: str | None = None
    """The authentication scheme of the refused request; None: the first carrier's, or unknown."""


class InvalidRequestError(TokenError, code="invalid_request"):
    """The credentials of the request are ambiguous."""

    message = "The request carries more than one credential."


class MissingTokenError(TokenError, code="token_missing"):
    """The request has no token, although the route requires one."""

    message = "A token is required."


class InvalidTokenError(TokenError, code="token_invalid"):
    """The token is invalid; ``invalid_token`` in RFC 6750."""

    message = "The token is not valid."


class MalformedTokenError(InvalidTokenError, code="token_malformed"):
    """The token is not a JWS in compact form, or its parts break RFC 7515 or RFC 7519."""

    message = "The token is malformed."


class UnsupportedHeaderError(InvalidTokenError, code="header_unsupported"):
    """The header has ``crit``, ``b64`` or ``zip``, which would change how the token is read."""

    message = "The token's header has a parameter that is not supported."


class UnknownKeyError(InvalidTokenError, code="key_unknown"):
    """No key of the ring fits the token."""

    message = "The token is signed with an unknown key."


class AlgorithmMismatchError(InvalidTokenError, code="algorithm_mismatch"):
    """The header names another algorithm than the one to which the key is bound."""

    message = "The token's algorithm is not the algorithm of its key."


class InvalidSignatureError(InvalidTokenError, code="signature_invalid"):
    """The signature was not made for this text with this key."""

    message = "The token's signature is not valid."


class _ClaimError(InvalidTokenError):
    def __init__(self, claim: str, message: str | None = None) -> None:
        super().__init__(message or f"{self.message} Claim: {claim}.")
        self.claim = claim


class MissingClaimError(_ClaimError, code="claim_missing"):
    """A claim that the policy or the claims model requires is missing; `claim` is its name."""

    message = "The token lacks a required claim."


class InvalidClaimError(_ClaimError, code="claim_invalid"):
    """A claim has the wrong type or an invalid value; `claim` is its name."""

    message = "A claim of the token is not valid."


class InvalidIssuerError(InvalidTokenError, code="issuer_invalid"):
    """The token is from another issuer than the one that the policy requires."""

    message = "The token is from another issuer."


class InvalidAudienceError(InvalidTokenError, code="audience_invalid"):
    """The token is for another audience than the one that the policy requires."""

    message = "The token is for another audience."


class WrongTokenTypeError(InvalidTokenError, code="token_type_invalid"):
    """The token has another type than the one that is required, such as refresh for access."""

    message = "The token is of the wrong type."


class TokenNotYetValidError(InvalidTokenError, code="token_not_yet_valid"):
    """The token is not valid yet: `claim`, which is ``nbf`` or ``iat``, is in the future."""

    message = "The token is not valid yet."

    def __init__(self, message: str | None = None, *, claim: str = "nbf") -> None:
        """Take the name of the claim that is in the future."""
        super().__init__(message)
        self.claim = claim


class TokenExpiredError(InvalidTokenError, code="token_expired"):
    """The token has expired."""

    message = "The token has expired."


class TokenTooOldError(InvalidTokenError, code="token_too_old"):
    """The token is older than the policy's `max_token_age`; its ``exp`` may be later."""

    message = "The token was issued too long ago."


class TokenRevokedError(InvalidTokenError, code="token_revoked"):
    """The token, its session or its subject has been revoked."""

    message = "The token has been revoked."


class RefreshTokenReusedError(InvalidTokenError, code="refresh_token_reused"):
    """A refresh token was used a second time; its session has ended."""

    message = "The refresh token has already been used. The session has ended."


class RefreshTokenSupersededError(InvalidTokenError, code="refresh_token_superseded"):
    """A refresh token was used again within the grace, and its successor is in use: use that one."""

    message = "The refresh token has been replaced by a newer one."


class KeyBindingError(InvalidTokenError, code="token_binding_invalid"):
    """The token is bound to a key that the request does not prove, or is not bound as required."""

    message = "The token is not bound to the key of this request."


class TokenRejectedError(InvalidTokenError, code="token_rejected"):
    """Raised by your own code to refuse a valid token, for example because the user is gone."""

    message = "The token was rejected."


class DpopProofError(TokenError, code="dpop_proof_invalid"):
    """The DPoP proof of the request is missing or invalid (RFC 9449 §4.3)."""

    message = "The DPoP proof is not valid."

    def __init__(self, check: str = "form") -> None:
        """Take the name of the check that failed, such as ``htu``; never a value of the proof."""
        super().__init__(f"{self.message} Check: {check}.")
        self.check = check


class DpopNonceRequiredError(TokenError, code="dpop_nonce_required"):
    """The DPoP proof lacks the current `nonce` of the server (RFC 9449 §8 and §9)."""

    message = "The DPoP proof must contain the nonce of this server."

    def __init__(self, nonce: str = "") -> None:
        """Take the nonce, which the response contains: the client repeats the request with it."""
        super().__init__()
        self.nonce = nonce


class FreshTokenRequiredError(TokenError, code="fresh_token_required"):
    """The token is not marked fresh."""

    message = "A fresh login is required."


class InsufficientAuthenticationError(TokenError, code="insufficient_user_authentication"):
    """The user logged in too long ago, or at too low a level (RFC 9470 §3)."""

    message = "A more recent or a stronger login is required."

    def __init__(self, acr: tuple[str, ...] = (), max_age_seconds: int | None = None) -> None:
        """Take what the route requires, not what the token has."""
        super().__init__()
        self.acr = acr
        self.max_age_seconds = max_age_seconds


class InsufficientScopeError(TokenError, code="insufficient_scope"):
    """The token lacks a scope; `required` holds all scopes that the route requires."""

    message = "The token lacks the required scope."

    def __init__(self, required: tuple[str, ...] = ()) -> None:
        """Take the scopes that the route requires; never those of the token."""
        super().__init__()
        self.required = required


class PermissionDeniedError(TokenError, code="permission_denied"):
    """The route does not accept these claims: by its `check`, or because of their actor."""

    message = "The token does not allow this."


class CsrfError(TokenError, code="csrf_failed"):
    """A page of another site may have made the browser send its cookie."""

    message = "The request may come from another site."


class CsrfMissingError(CsrfError, code="csrf_missing"):
    """The token is in a cookie, and the request lacks the CSRF token."""

    message = "A CSRF token is required with the cookie."


class CsrfMismatchError(CsrfError, code="csrf_mismatch"):
    """The CSRF token belongs to another session than the cookie."""

    message = "The CSRF token does not belong to this session."


class OriginNotAllowedError(CsrfError, code="origin_not_allowed"):
    """A page of an origin that is not allowed sent a cookie or a login."""

    message = "Requests from this origin are not allowed."


class StoreUnavailableError(TokenError, code="store_unavailable"):
    """The revocation store did not answer, so the token may be revoked."""

    message = "The revocation check is temporarily unavailable."


class KeysUnavailableError(TokenError, code="keys_unavailable"):
    """The issuer's keys are not available, so the signature cannot be verified."""

    message = "The issuer's keys are temporarily unavailable."
