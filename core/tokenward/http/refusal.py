"""The response to a refused request: the one table from errors to statuses and challenges (RFC 6750 §3, RFC 9470 §3)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from tokenward.errors import (
    CsrfError,
    FreshTokenRequiredError,
    InsufficientScopeError,
    InvalidRequestError,
    InvalidTokenError,
    KeysUnavailableError,
    MissingTokenError,
    PermissionDeniedError,
    StoreUnavailableError,
    TokenError,
)

__all__ = ["Refusal"]

_WS_POLICY_VIOLATION: Final = 1008  # RFC 6455 §7.4.1
_WS_TRY_AGAIN_LATER: Final = 1013


@dataclass(frozen=True, slots=True)
class Refusal:
    """The response to a refused request: the same bytes in every framework."""

    documented: ClassVar[Mapping[int, str]] = {
        401: "The token is missing or invalid.",
        403: "The token does not permit this request.",
    }
    """The statuses that the OpenAPI document of a protected route lists, with their descriptions."""

    status: int
    """The HTTP status."""
    code: str
    """The error's `code`."""
    detail: str
    """The error's message: constant, without any value of the token."""
    headers: Mapping[str, str]
    """``WWW-Authenticate``; or ``Retry-After`` if the service itself is unavailable."""

    @classmethod
    def from_error(cls, error: TokenError, *, scheme: str = "Bearer", realm: str = "api") -> Self:
        """Return the response for an error.

        Args:
            error: the error that the engine or the authenticator raised.
            scheme: the scheme of the challenge; ``Bearer`` for RFC 6750.
            realm: the realm of the challenge, which names what is protected (RFC 9110 §11.5).
        """
        status, oauth_error = next(
            row for kind, row in _STATUSES.items() if isinstance(error, kind)
        )
        headers = (
            {"Retry-After": "1"}
            if oauth_error is None
            else {"WWW-Authenticate": _challenge(error, oauth_error, scheme, realm)}
        )
        return cls(status, error.code, str(error), headers)

    @property
    def body(self) -> dict[str, str]:
        """The members of the JSON body."""
        return {"detail": self.detail, "code": self.code}

    @property
    def content(self) -> bytes:
        """The body as it is sent: compact JSON."""
        return json.dumps(self.body, separators=(",", ":")).encode()

    @property
    def close_code(self) -> int:
        """The close code for a refused WebSocket (RFC 6455 §7.4.1)."""
        return _WS_TRY_AGAIN_LATER if self.status == 503 else _WS_POLICY_VIOLATION  # noqa: PLR2004


# Status and OAuth error: RFC 6750 §3.1, and RFC 9470 §3 for the age of a login. An empty string means
# a challenge without an error, for a request without a token; None means no challenge. The first
# matching row applies.
_STATUSES: Final[Mapping[type[TokenError], tuple[int, str | None]]] = {
    StoreUnavailableError: (503, None),
    KeysUnavailableError: (503, None),
    InvalidRequestError: (400, "invalid_request"),
    MissingTokenError: (401, ""),
    FreshTokenRequiredError: (401, "insufficient_user_authentication"),
    InvalidTokenError: (401, "invalid_token"),
    InsufficientScopeError: (403, "insufficient_scope"),
    PermissionDeniedError: (403, "insufficient_scope"),
    CsrfError: (403, "invalid_request"),
    TokenError: (401, "invalid_token"),
}


def _challenge(error: TokenError, oauth_error: str, scheme: str, realm: str) -> str:
    parameters = {"realm": realm}
    if oauth_error:
        parameters |= {"error": oauth_error, "error_description": str(error)}
    if isinstance(error, InsufficientScopeError) and error.required:
        parameters["scope"] = " ".join(error.required)
    if isinstance(error, FreshTokenRequiredError) and error.max_age_seconds is not None:
        parameters["max_age"] = str(error.max_age_seconds)
    rendered = ", ".join(f'{name}="{_quotable(value)}"' for name, value in parameters.items())
    return f"{scheme} {rendered}"


def _quotable(value: str) -> str:
    """Return the text without the characters that RFC 6750 §3 forbids inside the quotes."""
    return "".join(each for each in value if " " <= each <= "~" and each not in '"\\')
