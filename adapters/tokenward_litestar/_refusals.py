"""Carries refusals through Litestar as exceptions, and sends them."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from litestar import Request, Response, WebSocket
from litestar.config.app import AppConfig
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, WebSocketException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from tokenward import TokenError, TokenwardError
from tokenward.http import Refusal, RequestView, send_refusal

__all__ = [
    "RefusedRequest",
    "RefusedWebSocket",
    "close_websocket",
    "own_handler",
    "refuse_by_response",
    "register_refusals",
]

_STATE: Final = "tokenward.socket"
_ErrorHandler: TypeAlias = Callable[[Request[Any, Any, Any], Any], Response[Any]]


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

    def __init__(self, error: TokenError, refusal: Refusal) -> None:
        """Create the exception for an error and its refusal."""
        super().__init__(detail=refusal.code, code=refusal.close_code)
        self.error = error
        self.refusal = refusal


@dataclass(slots=True)
class _WebSocketState:
    """The progress of one WebSocket."""

    is_accepted: bool = False
    is_closed: bool = False
    refused: tuple[TokenError, Refusal] | None = None


class TokenErrorHandler:
    """The exception handler of the plugin for every `TokenError`."""

    def __init__(self, refusal_of: Callable[[TokenError], Refusal]) -> None:
        """Take the function that returns the refusal of an error."""
        self._refusal_of = refusal_of

    def __call__(self, _: Request[Any, Any, Any], error: TokenError) -> Response[bytes]:
        """Return the response. Litestar calls this."""
        return _response(self._refusal_of(error))


def own_handler(handler: BaseRouteHandler, error: TokenError) -> _ErrorHandler | None:
    """Return the exception handler that the layers of a route have for an error.

    None: there is none except that of the plugin. A handler for Exception does not count.
    """
    handlers = handler.resolve_exception_handlers()
    kinds = [kind for kind in type(error).__mro__ if issubclass(kind, TokenwardError)]
    found = next((handlers[kind] for kind in kinds if kind in handlers), None)
    return None if isinstance(found, TokenErrorHandler) else found


def register_refusals(app_config: AppConfig, refusal_of: Callable[[TokenError], Refusal]) -> None:
    """Make the app send complete refusals, also for a TokenError that a handler raises."""

    def refused_request(_: Request[Any, Any, Any], error: RefusedRequest) -> Response[bytes]:
        return _response(error.refusal)

    async def remember_refusal(error: Exception, scope: Scope) -> None:
        state = _state_of(scope)
        if state is None or state.refused is not None:
            return
        if isinstance(error, RefusedWebSocket):
            state.refused = error.error, error.refusal
        elif isinstance(error, TokenError):
            state.refused = error, refusal_of(error)

    app_config.exception_handlers.setdefault(RefusedRequest, refused_request)
    app_config.exception_handlers.setdefault(TokenError, TokenErrorHandler(refusal_of))
    app_config.after_exception.append(remember_refusal)


def refuse_by_response(handler: BaseRouteHandler) -> None:
    """Make a handler of WebSockets send its refusals; see `_WebSocketRefusals`.

    The handler alone gets the middleware: in the app, it would run for every HTTP request too.
    """
    if not any(isinstance(each, _WebSocketRefusals) for each in handler.resolve_middleware()):
        handler.middleware = (_WebSocketRefusals(), *(handler.middleware or ()))


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
            if message["type"] != "websocket.close" or state.refused is None:
                state.is_accepted = state.is_accepted or message["type"] == "websocket.accept"
                state.is_closed = state.is_closed or message["type"] == "websocket.close"
                await send(message)
            elif not state.is_closed:
                error, refusal = state.refused
                await _refuse_websocket(error, refusal, scope, send, is_accepted=state.is_accepted)

        await next_app(scope, receive_next, send_next)


async def _refuse_websocket(
    error: TokenError, refusal: Refusal, scope: Scope, send: Send, *, is_accepted: bool
) -> None:
    """Send the refusal, or the response of the exception handler that the route has for the error."""
    asgi_scope = cast("MutableMapping[str, Any]", scope)
    asgi_send = cast("Callable[[MutableMapping[str, Any]], Awaitable[None]]", send)
    handler = own_handler(scope["route_handler"], error)
    if handler is None or is_accepted or not RequestView(asgi_scope).supports_denial_response:
        await send_refusal(refusal, asgi_scope, asgi_send, is_accepted=is_accepted)
        return

    async def send_denial(message: Message) -> None:
        await asgi_send({**message, "type": f"websocket.{message['type']}"})

    # Exception handlers are written for requests, and a handshake is a GET request (RFC 6455 §4.1).
    handshake: Any = {**scope, "type": ScopeType.HTTP, "method": "GET"}
    request: Request[Any, Any, Any] = Request(handshake)
    response = handler(request, error).to_asgi_response(app=None, request=request)
    await response(handshake, request.receive, send_denial)


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
