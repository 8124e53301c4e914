"""Carries refusals through Litestar as exceptions, and sends them."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, cast

from litestar import Request, Response, WebSocket
from litestar.config.app import AppConfig
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, WebSocketException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from tokenward import TokenError
from tokenward.http import Refusal, send_refusal

__all__ = ["RefusedRequest", "RefusedWebSocket", "close_websocket", "register_refusals"]

_STATE: Final = "tokenward.socket"


class RefusedRequest(HTTPException):
    """A refused request. Without the plugin, Litestar sends it as an HTTPException."""

    def __init__(self, refusal: Refusal) -> None:
        """Create the exception for a refusal."""
        super().__init__(
            detail=refusal.detail, status_code=refusal.status, headers=dict(refusal.headers)
        )
        self.refusal = refusal


class RefusedWebSocket(WebSocketException):
    """A refused WebSocket. Litestar closes it with the close code."""

    def __init__(self, refusal: Refusal) -> None:
        """Create the exception for a refusal."""
        super().__init__(detail=refusal.code, code=refusal.close_code)
        self.refusal = refusal


@dataclass(slots=True)
class _WebSocketState:
    """The progress of one WebSocket."""

    is_accepted: bool = False
    is_closed: bool = False
    refusal: Refusal | None = None


def register_refusals(app_config: AppConfig, refusal_of: Callable[[TokenError], Refusal]) -> None:
    """Make the app send complete refusals, also for a TokenError that a handler raises."""

    def refused_request(_: Request[Any, Any, Any], error: RefusedRequest) -> Response[bytes]:
        return _response(error.refusal)

    def token_error(_: Request[Any, Any, Any], error: TokenError) -> Response[bytes]:
        return _response(refusal_of(error))

    async def remember_refusal(error: Exception, scope: Scope) -> None:
        state = _state_of(scope)
        if state is None or state.refusal is not None:
            return
        if isinstance(error, RefusedWebSocket):
            state.refusal = error.refusal
        elif isinstance(error, TokenError):
            state.refusal = refusal_of(error)

    app_config.exception_handlers.setdefault(RefusedRequest, refused_request)
    app_config.exception_handlers.setdefault(TokenError, token_error)
    app_config.after_exception.append(remember_refusal)
    app_config.middleware.append(_WebSocketRefusals())


class _WebSocketRefusals(ASGIMiddleware):
    """Replaces the close message of a refused WebSocket with the refusal.

    Litestar has no exception handlers for WebSockets: it turns every exception into a close
    message. This middleware sends an HTTP response instead if the WebSocket was not accepted yet
    and the server supports it, and the close code of the refusal otherwise.
    """

    scopes = (ScopeType.WEBSOCKET,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Observe the messages of one WebSocket. Litestar calls this for each handshake."""
        state = _WebSocketState()
        cast("dict[str, object]", scope)[_STATE] = state

        async def receive_next() -> Any:  # noqa: ANN401 - any ASGI message
            message = await receive()
            state.is_closed = state.is_closed or message["type"] == "websocket.disconnect"
            return message

        async def send_next(message: Message) -> None:
            if message["type"] != "websocket.close" or state.refusal is None:
                state.is_accepted = state.is_accepted or message["type"] == "websocket.accept"
                state.is_closed = state.is_closed or message["type"] == "websocket.close"
                await send(message)
            elif not state.is_closed:
                await send_refusal(
                    state.refusal,
                    cast("MutableMapping[str, Any]", scope),
                    cast("Callable[[MutableMapping[str, Any]], Awaitable[None]]", send),
                    is_accepted=state.is_accepted,
                )

        await next_app(scope, receive_next, send_next)


async def close_websocket(websocket: WebSocket[Any, Any, Any], code: int, reason: str) -> None:
    """Close a WebSocket, unless it is already closed or disconnected."""
    state = _state_of(websocket.scope)
    # Without the plugin there is no state, so a close by the handler is not noticed.
    is_closed = websocket.connection_state == "disconnect" or (
        state is not None and state.is_closed
    )
    if not is_closed:
        await websocket.close(code=code, reason=reason)


def _response(refusal: Refusal) -> Response[bytes]:
    return Response(
        refusal.content,
        status_code=refusal.status,
        headers=dict(refusal.headers),
        media_type="application/json",
    )


def _state_of(scope: object) -> _WebSocketState | None:
    return cast("dict[str, _WebSocketState]", scope).get(_STATE)
