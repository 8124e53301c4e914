"""Carries refusals through FastAPI as exceptions, and sends them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import cast

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketException
from fastapi.exceptions import HTTPException
from starlette.types import ExceptionHandler
from starlette.websockets import WebSocketState

from tokenward import TokenError, TokenwardError
from tokenward.http import Refusal, RequestView

__all__ = [
    "RefusedRequest",
    "RefusedWebSocket",
    "as_refusals",
    "close_websocket",
    "register_refusals",
]


class RefusedRequest(HTTPException):
    """A refused request. Without `init_app`, FastAPI sends it as an HTTPException."""

    def __init__(self, refusal: Refusal) -> None:
        """Create the exception for a refusal."""
        super().__init__(refusal.status, refusal.detail, dict(refusal.headers))
        self.refusal = refusal


class RefusedWebSocket(WebSocketException):
    """A refused WebSocket. Without `init_app`, Starlette closes it with the close code."""

    def __init__(self, refusal: Refusal) -> None:
        """Create the exception for a refusal."""
        super().__init__(refusal.close_code, refusal.code)
        self.refusal = refusal


@contextmanager
def as_refusals(request: Request, refusal_of: Callable[[TokenError], Refusal]) -> Iterator[None]:
    """Make the app send a TokenError of the block as a refusal, with or without `init_app`.

    If the app has no handler for the error, the block raises a subclass of both the error's class
    and HTTPException, which every app handles.
    """
    try:
        yield
    except TokenError as error:
        handlers = getattr(request.scope.get("app"), "exception_handlers", {})
        # A handler for Exception does not count: Starlette treats what it handles as a server error.
        kinds = [kind for kind in type(error).__mro__ if issubclass(kind, TokenwardError)]
        if any(kind in handlers for kind in kinds):
            raise
        raise _as_http_exception(error, refusal_of(error)) from error


def _as_http_exception(error: TokenError, refusal: Refusal) -> TokenError:
    kind = _http_exception_class(type(error))  # type: ignore[arg-type] # classes are hashable
    exception = kind.__new__(kind, *error.args)
    RefusedRequest.__init__(cast("RefusedRequest", exception), refusal)
    vars(exception).update(vars(error))
    return exception


@cache
def _http_exception_class(kind: type[TokenError]) -> type[TokenError]:
    return type(kind.__name__, (kind, RefusedRequest), {"__module__": kind.__module__})


def register_refusals(app: FastAPI, refusal_of: Callable[[TokenError], Refusal]) -> None:
    """Make the app send complete refusals, also for a TokenError that a handler raises."""

    async def refused_request(_request: Request, error: Exception) -> Response:
        return _response(cast("RefusedRequest", error).refusal)

    async def refused_websocket(websocket: WebSocket, error: Exception) -> None:
        await _refuse_websocket(websocket, cast("RefusedWebSocket", error).refusal)

    async def token_error(connection: Request | WebSocket, error: Exception) -> Response | None:
        refusal = refusal_of(cast("TokenError", error))
        if isinstance(connection, WebSocket):
            await _refuse_websocket(connection, refusal)
            return None
        return _response(refusal)

    app.add_exception_handler(RefusedRequest, refused_request)
    app.add_exception_handler(RefusedWebSocket, refused_websocket)
    app.add_exception_handler(TokenError, cast("ExceptionHandler", token_error))


def _response(refusal: Refusal) -> Response:
    headers = dict(refusal.headers)
    return Response(refusal.content, refusal.status, headers, media_type="application/json")


async def _refuse_websocket(websocket: WebSocket, refusal: Refusal) -> None:
    """Refuse a handshake with a response if the server supports it; close an open WebSocket."""
    is_handshake = (
        WebSocketState.DISCONNECTED is not websocket.client_state
        and websocket.application_state is WebSocketState.CONNECTING
    )
    if is_handshake and RequestView(websocket.scope).supports_denial_response:
        await websocket.send_denial_response(_response(refusal))
    else:
        await close_websocket(websocket, refusal.close_code, refusal.code)


async def close_websocket(websocket: WebSocket, code: int, reason: str) -> None:
    """Close a WebSocket, unless it is already disconnected."""
    if WebSocketState.DISCONNECTED not in (websocket.client_state, websocket.application_state):
        await websocket.close(code, reason)
