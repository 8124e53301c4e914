"""The response to a refused request: the one table from errors to statuses and challenges (RFC 6750 §3, RFC 9449 §7, RFC 9470 §3)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from tokenward.errors import (
    CsrfError,
    DpopNonceRequiredError,
    DpopProofError,
    FreshTokenRequiredError,
    InsufficientAuthenticationError,
    InsufficientScopeError,
    InvalidRequestError,
    InvalidTokenError,
    KeyBindingError,
    KeysUnavailableError,
    MissingTokenError,
    PermissionDeniedError,
    StoreUnavailableError,
    TokenError,
)

__all__ = ["Refusal", "RefusalBody", "quotable"]

_WS_POLICY_VIOLATION: Final = 1008  # RFC 6455 §7.4.1
_WS_TRY_AGAIN_LATER: Final = 1013
_LOGIN: Final = "insufficient_user_authentication"  # RFC 9470 §3
_NO_ERRORS: Final = ("scope", "resource_metadata")
"""The parameters of a challenge that tell a client without a token what to do."""
_NOT_QUOTABLE: Final = re.compile(r"[^ !#-\[\]-~]")


@dataclass(frozen=True, slots=True)
class RefusalBody:
    """The body of the response to a refused request."""

    detail: str
    code: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The response to a refused request: the same bytes in every framework."""

    documented: ClassVar[Mapping[int, str]] = {
        400: "The request is malformed, for example with more than one credential.",
        401: "The token is missing or invalid.",
        403: "The token does not permit this request.",
        503: "The token cannot be checked at the moment.",
    }
    """The statuses that the OpenAPI document of a protected route lists, with their descriptions."""

    status: int
    """The HTTP status."""
    code: str
    """The error's `code`."""
    detail: str
    """The error's message: constant, without any value of the token."""
    headers: Mapping[str, str]
    """``WWW-Authenticate``, with a `DpopNonceRequiredError` also ``DPoP-Nonce``; or ``Retry-After`` if
    the service itself is unavailable."""

    @classmethod
    def from_error(
        cls,
        error: TokenError,
        *,
        scheme: str = "Bearer",
        realm: str = "api",
        resource_metadata: str | None = None,
        scopes: Sequence[str] = (),
        dpop_algorithms: Sequence[str] = (),
    ) -> Self:
        """Return the response for an error.

        Args:
            error: the error that the engine or the authenticator raised.
            scheme: the scheme of the challenge; ``Bearer`` for RFC 6750.
            realm: the realm of the challenge, which names what is protected (RFC 9110 §11.5).
            resource_metadata: the URL of the resource's metadata (RFC 9728 §5.1).
            scopes: the scopes that a new token needs; the challenge of a 401 names them (RFC 6750
                §3). A 403 names the scopes of the error.
            dpop_algorithms: the algorithms of DPoP proofs, which a challenge of the scheme ``DPoP``
                names (RFC 9449 §7.1). It stands beside that of another `scheme`. Empty: none.
        """
        status, oauth_error = next(
            row for kind, row in _STATUSES.items() if isinstance(error, kind)
        )
        parameters = _error_parameters(error, oauth_error)
        if status == 401 and scopes:  # noqa: PLR2004
            parameters["scope"] = " ".join(scopes)
        if resource_metadata is not None:
            parameters["resource_metadata"] = resource_metadata
        if oauth_error is None:
            return cls(status, error.code, str(error), {"Retry-After": "1"})

        challenge = f"{scheme} {_rendered({'realm': realm, **parameters})}"
        if dpop_algorithms:
            challenge = _with_dpop(error, scheme, realm, parameters, dpop_algorithms)
        headers = {"WWW-Authenticate": challenge}
        if isinstance(error, DpopNonceRequiredError):
            headers["DPoP-Nonce"] = error.nonce
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


# Status and OAuth error: RFC 6750 §3.1, and RFC 9470 §3 for the login. An empty string means
# a challenge without an error, for a request without a token; None means no challenge. The first
# matching row applies.
_STATUSES: Final[Mapping[type[TokenError], tuple[int, str | None]]] = {
    StoreUnavailableError: (503, None),
    KeysUnavailableError: (503, None),
    InvalidRequestError: (400, "invalid_request"),
    MissingTokenError: (401, ""),
    InsufficientAuthenticationError: (401, _LOGIN),
    FreshTokenRequiredError: (401, _LOGIN),
    DpopProofError: (401, "invalid_dpop_proof"),
    DpopNonceRequiredError: (401, "use_dpop_nonce"),
    InvalidTokenError: (401, "invalid_token"),
    InsufficientScopeError: (403, "insufficient_scope"),
    PermissionDeniedError: (403, "insufficient_scope"),
    CsrfError: (403, "invalid_request"),
    TokenError: (401, "invalid_token"),
}


def _error_parameters(error: TokenError, oauth_error: str | None) -> dict[str, str]:
    """Return the parameters of a challenge that depend only on the error."""
    parameters = {}
    if oauth_error:
        parameters = {"error": oauth_error, "error_description": str(error)}
    if isinstance(error, InsufficientScopeError) and error.required:
        parameters["scope"] = " ".join(error.required)
    if isinstance(error, InsufficientAuthenticationError):
        if error.acr:
            parameters["acr_values"] = " ".join(error.acr)
        if error.max_age_seconds is not None:
            parameters["max_age"] = str(error.max_age_seconds)
    return parameters


def _with_dpop(
    error: TokenError,
    scheme: str,
    realm: str,
    parameters: Mapping[str, str],
    algorithms: Sequence[str],
) -> str:
    """Return the challenges of a service that accepts DPoP (RFC 9449 §7.1 and §7.2).

    Only the scheme that the request used has the error; if that is not known, both have it.
    """
    used = error.scheme
    if isinstance(error, DpopProofError | DpopNonceRequiredError | KeyBindingError):
        used = "DPoP"
    of_realm, algs = {"realm": realm}, {"algs": " ".join(algorithms)}
    of_others = {name: parameters[name] for name in _NO_ERRORS if name in parameters}
    with_error = {**of_realm, **parameters}
    without_error = {**of_realm, **of_others}
    dpop = f"DPoP {_rendered({**(without_error if used == 'Bearer' else with_error), **algs})}"
    if scheme == "DPoP":
        return f"DPoP {_rendered({**with_error, **algs})}"
    return f"{scheme} {_rendered(without_error if used == 'DPoP' else with_error)}, {dpop}"


def _rendered(parameters: Mapping[str, str]) -> str:
    return ", ".join(f'{name}="{quotable(value)}"' for name, value in parameters.items())


def quotable(value: str) -> str:
    """Return the text without the characters that RFC 6750 §3 forbids inside the quotes."""
    return _NOT_QUOTABLE.sub("", value)
