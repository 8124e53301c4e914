"""HTTP without a framework: where a request carries its token, and how a refusal is said.

The one table from errors to statuses and challenges is here (RFC 6750 §3, RFC 9470 §3).
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self, TypeAlias

from tokenward.errors import (
    ConfigurationError,
    FreshTokenRequiredError,
    InsufficientScopeError,
    InvalidRequestError,
    InvalidTokenError,
    MissingTokenError,
    PermissionDeniedError,
    StoreUnavailableError,
    TokenError,
)

__all__ = ["BearerHeader", "Carrier", "Refusal", "RequestView"]

Scope: TypeAlias = MutableMapping[str, Any]
"""An ASGI connection scope; the values are whatever the ASGI specification says of each key."""

_WS_POLICY_VIOLATION: Final = 1008  # RFC 6455 §7.4.1
_WS_TRY_AGAIN_LATER: Final = 1013
_MEMO: Final = "tokenward"


class RequestView:
    """What the core sees of a request or of a WebSocket's opening handshake: its ASGI scope."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        """Take the scope of ASGI, which every supported framework has at hand."""
        self._scope = scope

    def header_values(self, name: bytes) -> list[bytes]:
        """Give every value of a header, in order.

        Args:
            name: in lower case, as ASGI has it.
        """
        return [value for key, value in self._scope["headers"] if key == name]

    @property
    def memo(self) -> dict[object, object]:
        """What was found out about this one request."""
        memo: dict[object, object] = self._scope.setdefault(_MEMO, {})
        return memo


class Carrier(Protocol):
    """A place in a request where a token may be."""

    @property
    def scheme(self) -> str:
        """The authentication scheme that a challenge names (RFC 9110 §11.3)."""
        ...

    def read(self, request: RequestView) -> bytes | None:
        """Give the token, or None where there is none here.

        Raises:
            InvalidRequestError: it cannot be read with certainty.
        """
        ...


class BearerHeader:
    """``Authorization: Bearer <token>`` (RFC 6750 §2.1), the scheme in any case.

    Another scheme, as ``Basic``, is no token. Two headers are refused, because a proxy and this
    service might each look at another one.
    """

    __slots__ = ("_name", "_scheme", "scheme")

    scheme: str

    def __init__(self, *, name: str = "Authorization", scheme: str = "Bearer") -> None:
        """Take the name of the header and of the scheme.

        Raises:
            ConfigurationError: either is empty or not ASCII, or has a space.
        """
        for text in (name, scheme):
            if not text.isascii() or not text or text.split() != [text]:
                msg = "The header's and the scheme's name must be one ASCII word each."
                raise ConfigurationError(msg)
        self.scheme = scheme
        self._name = name.lower().encode()
        self._scheme = scheme.lower().encode()

    def read(self, request: RequestView) -> bytes | None:
        """See `Carrier.read`."""
        values = request.header_values(self._name)
        if not values:
            return None
        if len(values) > 1:
            raise InvalidRequestError
        value = values[0].strip(b" \t")
        scheme, credentials = value[: len(self._scheme)], value[len(self._scheme) :]
        # What follows the scheme is a space (RFC 9110 §11.4), or it is part of another word. A tab
        # is neither: that token is there, and malformed.
        if scheme.lower() != self._scheme or credentials[:1] not in b" \t":
            return None
        return credentials.strip(b" ")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a request that is refused: the same bytes from every framework."""

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
    def close_code(self) -> int:
        """The close code for a WebSocket that was not accepted (RFC 6455 §7.4.1)."""
        return _WS_TRY_AGAIN_LATER if self.status == 503 else _WS_POLICY_VIOLATION  # noqa: PLR2004


# RFC 6750 §3.1, and RFC 9470 §3 for the age of a login. "" is a challenge without an error, for a
# request that brought no token; None is no challenge at all. The first row that fits counts.
_STATUS: Final[Mapping[type[TokenError], tuple[int, str | None]]] = {
    StoreUnavailableError: (503, None),
    InvalidRequestError: (400, "invalid_request"),
    MissingTokenError: (401, ""),
    FreshTokenRequiredError: (401, "insufficient_user_authentication"),
    InvalidTokenError: (401, "invalid_token"),
    InsufficientScopeError: (403, "insufficient_scope"),
    PermissionDeniedError: (403, "insufficient_scope"),
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
