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
    """The answer to a request that is refused: the same bytes from every framework."""

    documented: ClassVar[Mapping[int, str]] = {
        401: "The token is missing or not acceptable.",
        403: "The token does not allow this.",
    }
    """The statuses that the API document of a protected route names, each with what it means."""

    status: int
    """The HTTP status."""
    code: str
    """The `code` of the error."""
    detail: str
    """Its message: constant, and free of anything from the token."""
    headers: Mapping[str, str]
    """``WWW-Authenticate``, or ``Retry-After`` where the fault is not the client's."""

    @classmethod
    def from_error(cls, error: TokenError, *, scheme: str = "Bearer", realm: str = "api") -> Self:
        """Say an error in HTTP.

        Args:
            error: what the engine or the authenticator raised.
            scheme: of the challenge; ``Bearer`` for RFC 6750.
            realm: what is protected, in the words of the service (RFC 9110 §11.5).
        """
        status, oauth_error = next(row for kind, row in _STATUS.items() if isinstance(error, kind))
        headers = (
            {"Retry-After": "1"}
            if oauth_error is None
            else {"WWW-Authenticate": _challenge(error, oauth_error, scheme, realm)}
        )
        return cls(status, error.code, str(error), headers)

    @property
    def body(self) -> dict[str, str]:
        """What the JSON body holds."""
        return {"detail": self.detail, "code": self.code}

    @property
    def content(self) -> bytes:
        """The body as it is sent, in JSON."""
        return json.dumps(self.body, separators=(",", ":")).encode()

    @property
    def close_code(self) -> int:
        """The close code for a WebSocket that was not accepted (RFC 6455 §7.4.1)."""
        return _WS_TRY_AGAIN_LATER if self.status == 503 else _WS_POLICY_VIOLATION  # noqa: PLR2004


# RFC 6750 §3.1, and RFC 9470 §3 for the age of a login. "" is a challenge without an error, for a
# request that brought no token; None is no challenge at all. The first row that fits counts.
_STATUS: Final[Mapping[type[TokenError], tuple[int, str | None]]] = {
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
    said = ", ".join(f'{name}="{_quotable(value)}"' for name, value in parameters.items())
    return f"{scheme} {said}"


def _quotable(value: str) -> str:
    """Keep to the letters that RFC 6750 §3 allows inside the quotes."""
    return "".join(letter for letter in value if " " <= letter <= "~" and letter not in '"\\')
