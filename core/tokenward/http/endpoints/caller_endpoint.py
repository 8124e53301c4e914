"""What endpoints for authenticated callers share: the caller, the form, and the response."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from pydantic import JsonValue

from tokenward._arguments import check_callable, kind_of, refuse
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import (
    KeysUnavailableError,
    StoreUnavailableError,
    TokenError,
)
from tokenward.hooks import maybe_await
from tokenward.http.endpoints.callers import AuthenticateCaller
from tokenward.http.refusal import Refusal
from tokenward.http.request import RequestView
from tokenward.http.token_endpoint import TokenResponse
from tokenward.jose.codec import b64url_decode, loads_payload
from tokenward.jose.segments import split_compact

__all__ = ["CallerEndpoint", "payload_of"]

_UNKNOWN_CALLER: Final = {
    "error": "invalid_client",
    "error_description": "The caller of this endpoint is unknown.",
}
_NO_TOKEN: Final = {
    "error": "invalid_request",
    "error_description": "Send one token in a form (application/x-www-form-urlencoded) with "
    "Content-Length, and each parameter once.",
}
_PARAMETERS: Final = (b"token", b"token_type_hint")


class CallerEndpoint(ABC):
    """An endpoint that gets a token in a form from a caller that it knows."""

    def __init__(self, engine: TokenEngine[Any], authenticate: AuthenticateCaller) -> None:
        """Connect the engine that issues the tokens.

        Args:
            engine: the engine.
            authenticate: returns the name of the caller of a request, or None; plain or async. It
                may raise a `TokenError`, for callers with a bearer token.

        Raises:
            ConfigurationError: the engine issues no tokens, or `authenticate` is not a function of
                the request.
        """
        if not isinstance(engine, TokenEngine):
            refuse(f"engine must be a TokenEngine, not {kind_of(engine)}.")
        if not engine.keys.can_sign:
            refuse("engine must be the engine that issues the tokens: its keys only verify.")
        check_callable(authenticate, "authenticate", "ClientSecrets({'orders-api': ...})", takes=1)
        self._engine = engine
        self._authenticate = authenticate

    async def respond(self, request: RequestView) -> TokenResponse:
        """Return the response to a POST request with a form.

        The form (``application/x-www-form-urlencoded``, at most 256 KiB, with ``Content-Length``)
        has a ``token``. ``token_type_hint`` is optional, and changes nothing.

        Args:
            request: a view with a body.

        Raises:
            TypeError: `authenticate` returned something else than a name or None.

        Not checked: the number of attempts.
        """
        try:
            caller = await self._caller_of(request)
        except TokenError as error:
            refusal = Refusal.from_error(error)
            return TokenResponse.render(refusal.status, refusal.body, refusal.headers)
        if caller is None:
            return TokenResponse.render(
                401, _UNKNOWN_CALLER, {"WWW-Authenticate": 'Basic realm="api"'}
            )

        found = [await request.form_values(name) for name in _PARAMETERS]
        token = found[0][0] if found[0] else b""
        if not token or any(len(values) > 1 for values in found):
            return TokenResponse.render(400, _NO_TOKEN)
        try:
            return TokenResponse.render(200, await self._answer(token, caller))
        except (StoreUnavailableError, KeysUnavailableError) as error:
            refusal = Refusal.from_error(error)
            members = {"error": "temporarily_unavailable", "error_description": refusal.detail}
            return TokenResponse.render(refusal.status, members, refusal.headers)

    async def _caller_of(self, request: RequestView) -> str | None:
        caller = await maybe_await(self._authenticate(request))
        if caller is not None and (not isinstance(caller, str) or not caller):
            msg = f"authenticate must return the name of the caller or None, not {kind_of(caller)}."
            raise TypeError(msg)
        return caller

    @abstractmethod
    async def _answer(self, token: bytes, caller: str) -> Mapping[str, JsonValue]:
        """Return the members of the response.

        Raises:
            StoreUnavailableError, KeysUnavailableError: there is no answer at the moment.
        """


def payload_of(token: bytes) -> dict[str, JsonValue]:
    """Return the members of a token that the engine has verified."""
    return loads_payload(b64url_decode(split_compact(token.decode("ascii"))[1]))
