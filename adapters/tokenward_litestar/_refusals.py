"""How a refusal travels through Litestar, and how it is sent."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, cast

from litestar import Request, Response, WebSocket
from litestar.config.app import AppConfig
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, WebSocketException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from tokenward import TokenError
from tokenward.http import Refusal, RequestView

__all__ = ["RefusedRequest", "RefusedWebSocket", "close_websocket", "register_refusals"]

_SOCKET: Final = "tokenward.socket"


class RefusedRequest(HTTPException):
    """A refusal that Litestar's own handler can send, if less completely."""

    def __init__(self, refusal: Refusal) -> None:
        """Take the refusal."""
        super().__init__(
            detail=refusal.detail, status_code=refusal.status, headers=dict(refusal.headers)
        )
        self.refusal = refusal


class RefusedWebSocket(WebSocketException):
    """A refusal that Litestar itself can send as a close code."""

    def __init__(self, refusal: Refusal) -> None:
        """Take the refusal."""
        super().__init__(detail=refusal.code, code=refusal.close_code)
        self.refusal = refusal


@dataclass(slots=True)
class _Socket:
    """What is known of one WebSocket."""

    is_accepted: bool = False
    is_over: bool = False
    refusal: Refusal | None = None


def register_refusals(app_config: AppConfig, refusal_of: Callable[[TokenError], Refusal]) -> None:
    """Have the app send refusals whole, and those of a TokenError that a handler raises."""

    def refused_request(_: Request[Any, Any, Any], error: RefusedRequest) -> Response[bytes]:
        return _response(error.refusal)

    def token_error(_: Request[Any, Any, Any], error: TokenError) -> Response[bytes]:
        return _response(refusal_of(error))

    async def note_refusal(error: Exception, scope: Scope) -> None:
        socket = _socket_of(scope)
        if socket is None or socket.refusal is not None:
            return
        if isinstance(error, RefusedWebSocket):
            socket.refusal = error.refusal
        elif isinstance(error, TokenError):
            socket.refusal = refusal_of(error)

    app_config.exception_handlers.setdefault(RefusedRequest, refused_request)
    app_config.exception_handlers.setdefault(TokenError, token_error)
    app_config.after_exception.append(note_refusal)
    app_config.middleware.append(_SocketRefusals())


class _SocketRefusals(ASGIMiddleware):
    """Says why a WebSocket is refused, where Litestar closes it for an exception.

    Litestar has no exception handlers for WebSockets: whatever is raised becomes a close message,
    which this turns into an HTTP response where the socket was not accepted and the server can.
    """

    scopes = (ScopeType.WEBSOCKET,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let Litestar call this for each handshake."""
        socket = _Socket()
        cast("dict[str, object]", scope)[_SOCKET] = socket

        async def receive_next() -> Any:  # noqa: ANN401 - any message of ASGI
            message = await receive()
            socket.is_over = socket.is_over or message["type"] == "websocket.disconnect"
            return message

        async def send_next(message: Message) -> None:
            if message["type"] != "websocket.close" or socket.refusal is None:
                socket.is_accepted = socket.is_accepted or message["type"] == "websocket.accept"
                socket.is_over = socket.is_over or message["type"] == "websocket.close"
                await send(message)
            elif not socket.is_over:
                view = RequestView(cast("MutableMapping[str, Any]", scope))
                can_deny = view.supports_denial_response and not socket.is_accepted
                await _refuse(send, socket.refusal, can_deny=can_deny)

        await next_app(scope, receive_next, send_next)


async def _refuse(send: Send, refusal: Refusal, *, can_deny: bool) -> None:
    if not can_deny:
        code, reason = refusal.close_code, refusal.code
        await send({"type": "websocket.close", "code": code, "reason": reason})
        return
    headers = {"Content-Type": "application/json", **refusal.headers}
    await send(
        {
            "type": "websocket.http.response.start",
            "status": refusal.status,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send(
        {"type": "websocket.http.response.body", "body": refusal.content, "more_body": False}
    )


async def close_websocket(websocket: WebSocket[Any, Any, Any], code: int, reason: str) -> None:
    """Close a WebSocket, unless there is nobody left to tell."""
    socket = _socket_of(websocket.scope)
    # Without the plugin it is not known whether the handler has closed it.
    is_over = websocket.connection_state == "disconnect" or (socket is not None and socket.is_over)
    if not is_over:
        await websocket.close(code=code, reason=reason)


def _response(refusal: Refusal) -> Response[bytes]:
    return Response(
        refusal.content,
        status_code=refusal.status,
        headers=dict(refusal.headers),
        media_type="application/json",
    )


def _socket_of(scope: object) -> _Socket | None:
    return cast("dict[str, _Socket]", scope).get(_SOCKET)
