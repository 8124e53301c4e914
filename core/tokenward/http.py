"""HTTP without a framework: what is seen of a request, and how a refusal is said.

The one table from errors to statuses and challenges is here (RFC 6750 §3, RFC 9470 §3).
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeAlias

from tokenward._fields import cookie_values, urlencoded_values
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

__all__ = ["Refusal", "RequestView"]

Scope: TypeAlias = MutableMapping[str, Any]
"""An ASGI connection scope; the values are whatever the ASGI specification says of each key."""

_WS_POLICY_VIOLATION: Final = 1008  # RFC 6455 §7.4.1
_WS_TRY_AGAIN_LATER: Final = 1013
_MEMO: Final = "tokenward"
_SPACE: Final = b" \t"
_FORM: Final = b"application/x-www-form-urlencoded"
_LONGEST_FORM: Final = 262_144
_SHORT_NUMBER: Final = re.compile(rb"[0-9]{1,9}")


class RequestView:
    """What the core sees of a request or of a WebSocket's opening handshake: its ASGI scope."""

    __slots__ = ("_body", "_scope")

    def __init__(self, scope: Scope, body: Callable[[], Awaitable[bytes]] | None = None) -> None:
        """Take what every supported framework has at hand.

        Args:
            scope: of ASGI.
            body: gives the whole body, as often as it is asked; None: there is none to be read.
        """
        self._scope = scope
        self._body = body

    @property
    def method(self) -> str:
        """The request method, in the case in which it came; empty for a WebSocket."""
        method: str = self._scope.get("method", "")
        return method

    @property
    def is_websocket(self) -> bool:
        """Whether this is the opening handshake of a WebSocket."""
        return bool(self._scope["type"] == "websocket")

    def header_values(self, name: bytes) -> list[bytes]:
        """Give every value of a header, in order.

        Args:
            name: in lower case, as ASGI has it.
        """
        return [value for key, value in self._scope["headers"] if key == name]

    def cookie_values(self, name: bytes) -> list[bytes]:
        """Give every value of a cookie (RFC 6265 §5.4), in order and as it came."""
        return cookie_values(self.header_values(b"cookie"), name)

    def query_values(self, name: bytes) -> list[bytes]:
        """Give every value of a parameter in the query, decoded, in order.

        More than 16 values, or values with more than 4,096 percent signs between them, are given as
        they came.
        """
        return urlencoded_values(self._scope.get("query_string", b""), name)

    async def form_values(self, name: bytes) -> list[bytes]:
        """Give every value of a field of the form in the body, decoded, in order.

        There is none where the body is not ``application/x-www-form-urlencoded``, is longer than
        256 KiB, or does not say how long it is. More than 16 values, or values with more than 4,096
        percent signs between them, are given as they came.
        """
        kinds = self.header_values(b"content-type")
        lengths = self.header_values(b"content-length")
        if self._body is None or len(kinds) != 1 or len(lengths) != 1:
            return []
        is_form = kinds[0].partition(b";")[0].strip(_SPACE).lower() == _FORM
        if (
            not is_form
            or not _SHORT_NUMBER.fullmatch(lengths[0])
            or int(lengths[0]) > _LONGEST_FORM
        ):
            return []
        return urlencoded_values(await self._body(), name)

    @property
    def memo(self) -> dict[object, object]:
        """What was found out about this one request."""
        memo: dict[object, object] = self._scope.setdefault(_MEMO, {})
        return memo


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
