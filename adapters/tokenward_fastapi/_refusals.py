"""How a refusal travels through FastAPI, and how it is sent."""

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
    """A refusal that FastAPI's own handler can send, if less completely."""

    def __init__(self, refusal: Refusal) -> None:
        """Take the refusal."""
        super().__init__(refusal.status, refusal.detail, dict(refusal.headers))
        self.refusal = refusal


class RefusedWebSocket(WebSocketException):
    """A refusal that Starlette's own handler can send as a close code."""

    def __init__(self, refusal: Refusal) -> None:
        """Take the refusal."""
        super().__init__(refusal.close_code, refusal.code)
        self.refusal = refusal


@contextmanager
def as_refusals(request: Request, refusal_of: Callable[[TokenError], Refusal]) -> Iterator[None]:
    """Have the app of a request answer the errors of a block as refusals, also without `init_app`.

    Where the app has no handler for an error, the block raises one of the same kind that is an
    HTTPException as well, which every app answers.
    """
    try:
        yield
    except TokenError as error:
        handlers = getattr(request.scope.get("app"), "exception_handlers", {})
        # What only a handler for Exception catches, Starlette answers as an error of the server.
        kinds = [kind for kind in type(error).__mro__ if issubclass(kind, TokenwardError)]
        if any(kind in handlers for kind in kinds):
            raise
        raise _answerable(error, refusal_of(error)) from error


def _answerable(error: TokenError, refusal: Refusal) -> TokenError:
    kind = _answerable_kind(type(error))  # type: ignore[arg-type] # it is hashable
    answerable = kind.__new__(kind, *error.args)
    RefusedRequest.__init__(cast("RefusedRequest", answerable), refusal)
    vars(answerable).update(vars(error))
    return answerable


@cache
def _answerable_kind(kind: type[TokenError]) -> type[TokenError]:
    return type(kind.__name__, (kind, RefusedRequest), {"__module__": kind.__module__})


def register_refusals(app: FastAPI, refusal_of: Callable[[TokenError], Refusal]) -> None:
    """Have the app send refusals whole, and those of a TokenError that a handler raises."""

    async def refused_request(_request: Request, error: Exception) -> Response:
        return _response(cast("RefusedRequest", error).refusal)

    async def refused_websocket(websocket: WebSocket, error: Exception) -> None:
        await _deny(websocket, cast("RefusedWebSocket", error).refusal)

    async def token_error(connection: Request | WebSocket, error: Exception) -> Response | None:
        refusal = refusal_of(cast("TokenError", error))
        if isinstance(connection, WebSocket):
            await _deny(connection, refusal)
            return None
        return _response(refusal)

    app.add_exception_handler(RefusedRequest, refused_request)
    app.add_exception_handler(RefusedWebSocket, refused_websocket)
    app.add_exception_handler(TokenError, cast("ExceptionHandler", token_error))


def _response(refusal: Refusal) -> Response:
    headers = dict(refusal.headers)
    return Response(refusal.content, refusal.status, headers, media_type="application/json")


async def _deny(websocket: WebSocket, refusal: Refusal) -> None:
    """Refuse a handshake, by a response where the server can send one; close an open socket."""
    is_handshake = (
        WebSocketState.DISCONNECTED is not websocket.client_state
        and websocket.application_state is WebSocketState.CONNECTING
    )
    if is_handshake and RequestView(websocket.scope).supports_denial_response:
        await websocket.send_denial_response(_response(refusal))
    else:
        await close_websocket(websocket, refusal.close_code, refusal.code)


async def close_websocket(websocket: WebSocket, code: int, reason: str) -> None:
    """Close a WebSocket, unless there is nobody left to tell."""
    if WebSocketState.DISCONNECTED not in (websocket.client_state, websocket.application_state):
        await websocket.close(code, reason)
