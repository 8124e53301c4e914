"""Carries refusals through FastAPI as exceptions, and sends them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from inspect import isawaitable, iscoroutinefunction
from typing import Any, NoReturn, cast

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketException
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import HTTPException
from fastapi.requests import HTTPConnection
from starlette.types import ExceptionHandler
from starlette.websockets import WebSocketState

from tokenward import TokenError, TokenwardError
from tokenward.http import Refusal, RequestView

__all__ = [
    "as_refusals",
    "close_websocket",
    "refuse",
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

    def __init__(self, error: TokenError, refusal: Refusal) -> None:
        """Create the exception for an error and its refusal."""
        super().__init__(refusal.close_code, refusal.code)
        self.error = error
        self.refusal = refusal


def refuse(connection: HTTPConnection, error: TokenError, refusal: Refusal) -> NoReturn:
    """Make the app send a refusal, with or without `init_app`.

    If the app has a handler for the error, the error itself is raised, so that the
    handler is called. Otherwise a subclass of both the error's class and HTTPException is raised,
    which every app handles.
    """
    if connection.scope["type"] == "websocket":
        raise RefusedWebSocket(error, refusal) from error
    if _own_handler(connection, error) is not None:
        raise error
    raise _as_http_exception(error, refusal) from error


@contextmanager
def as_refusals(request: Request, refusal_of: Callable[[TokenError], Refusal]) -> Iterator[None]:
    """Make the app send a TokenError of the block as a refusal; see `refuse`."""
    try:
        yield
    except TokenError as error:
        refuse(request, error, refusal_of(error))


def _own_handler(connection: HTTPConnection, error: TokenError) -> ExceptionHandler | None:
    """Return the handler that the app has for an error, unless it is that of `init_app`."""
    handlers = getattr(connection.scope.get("app"), "exception_handlers", {})
    # A handler for Exception does not count: Starlette treats what it handles as a server error.
    kinds = [kind for kind in type(error).__mro__ if issubclass(kind, TokenwardError)]
    handler = next((handlers[kind] for kind in kinds if kind in handlers), None)
    return None if isinstance(handler, TokenErrorHandler) else handler


def _as_http_exception(error: TokenError, refusal: Refusal) -> TokenError:
    kind = _http_exception_class(type(error))  # type: ignore[arg-type] # classes are hashable
    exception = kind.__new__(kind, *error.args)
    RefusedRequest.__init__(cast("RefusedRequest", exception), refusal)
    vars(exception).update(vars(error))
    return exception


@cache
def _http_exception_class(kind: type[TokenError]) -> type[TokenError]:
    return type(kind.__name__, (kind, RefusedRequest), {"__module__": kind.__module__})


class TokenErrorHandler:
    """The exception handler of `init_app` for every `TokenError`."""

    def __init__(self, refusal_of: Callable[[TokenError], Refusal]) -> None:
        """Take the function that returns the refusal of an error that a handler raised itself."""
        self._refusal_of = refusal_of

    async def __call__(self, connection: Request | WebSocket, error: Exception) -> Response | None:
        """Send the refusal. Starlette calls this for HTTP and for WebSockets."""
        refusal = (
            error.refusal
            if isinstance(error, RefusedRequest)
            else self._refusal_of(cast("TokenError", error))
        )
        if isinstance(connection, WebSocket):
            await _refuse_websocket(connection, refusal)
            return None
        return _response(refusal)


def register_refusals(app: FastAPI, refusal_of: Callable[[TokenError], Refusal]) -> None:
    """Make the app send complete refusals, also for a TokenError that a handler raises.

    A handler that the app already has for TokenError stays.
    """

    async def refused_websocket(websocket: WebSocket, error: Exception) -> None:
        refused = cast("RefusedWebSocket", error)
        handler = _own_handler(websocket, refused.error)
        answer = None if handler is None else await _answer_of(handler, websocket, refused.error)
        await _refuse_websocket(websocket, refused.refusal, answer)

    app.add_exception_handler(RefusedWebSocket, refused_websocket)
    handler: Any = TokenErrorHandler(refusal_of)  # FastAPI's type is that for HTTP alone
    app.exception_handlers.setdefault(TokenError, handler)


async def _answer_of(handler: ExceptionHandler, websocket: WebSocket, error: Exception) -> object:
    """Return what the app's own handler returns for a refused WebSocket."""
    handle = cast("Callable[[WebSocket, Exception], object]", handler)
    answer = (
        handle(websocket, error)
        if iscoroutinefunction(handle)
        else await run_in_threadpool(handle, websocket, error)
    )
    return await answer if isawaitable(answer) else answer


def _response(refusal: Refusal) -> Response:
    headers = dict(refusal.headers)
    return Response(refusal.content, refusal.status, headers, media_type="application/json")


async def _refuse_websocket(websocket: WebSocket, refusal: Refusal, answer: object = None) -> None:
    """Refuse a handshake with a response if the server supports it; close an open WebSocket.

    Args:
        websocket: the WebSocket, which may be closed already.
        refusal: the refusal; its close code is used if no response can be sent.
        answer: the response of the app's own handler, in place of that of the refusal.
    """
    is_handshake = (
        WebSocketState.DISCONNECTED is not websocket.client_state
        and websocket.application_state is WebSocketState.CONNECTING
    )
    if is_handshake and RequestView(websocket.scope).supports_denial_response:
        response = answer if isinstance(answer, Response) else _response(refusal)
        await websocket.send_denial_response(response)
    else:
        await close_websocket(websocket, refusal.close_code, refusal.code)


async def close_websocket(websocket: WebSocket, code: int, reason: str) -> None:
    """Close a WebSocket, unless it is already disconnected."""
    if WebSocketState.DISCONNECTED not in (websocket.client_state, websocket.application_state):
        await websocket.close(code, reason)
