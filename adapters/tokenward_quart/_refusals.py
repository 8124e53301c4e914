"""Carries refusals through Quart, and sends them.

A refusal travels as a `TokenError`, which stops `before_request` functions as well as handlers.
"""

from collections.abc import Awaitable, Callable
from inspect import signature
from typing import Final, cast

from quart import Quart, Response, Websocket
from quart.globals import app_ctx
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, default_exceptions

from tokenward import TokenError
from tokenward.http import Refusal
from tokenward_quart._connection import Connection, current_connection, scope_of, unwrap_proxy
from tokenward_quart._websockets import close_refused_websocket

__all__ = ["register_refusals", "remember_refusal"]

_REFUSAL: Final = "tokenward.refusal"
# Since Quart 0.23 the method takes the context as an argument.
_TAKES_CONTEXT: Final = "ctx" in signature(Quart.handle_http_exception).parameters


def remember_refusal(connection: Connection, error: TokenError, refusal: Refusal) -> None:
    """Store the refusal of an error that is about to be raised.

    Quart calls only one error handler, which may belong to another `TokenAuth`.
    """
    scope_of(connection)[_REFUSAL] = (error, refusal)


def register_refusals(app: Quart, refusal_of: Callable[[TokenError], Refusal]) -> None:
    """Make the app send a refusal for every TokenError, including those that handlers raise.

    A handler that the app already has for TokenError stays.
    """
    if TokenError in app.error_handler_spec[None][None]:
        return

    async def token_error(error: TokenError) -> HTTPException | ResponseReturnValue | None:
        connection = current_connection()
        refused, refusal = scope_of(connection).get(_REFUSAL, (None, None))
        if refused is not error:
            refusal = refusal_of(error)
        if isinstance(connection, Websocket) and await close_refused_websocket(connection, refusal):
            return None

        # This calls the app's own handlers for a status or for HTTPException. Raising the exception
        # instead would become a 500 with TRAP_HTTP_EXCEPTIONS.
        context = (unwrap_proxy(app_ctx),) if _TAKES_CONTEXT else ()
        handle: Callable[..., Awaitable[HTTPException | ResponseReturnValue]] = (
            app.handle_http_exception
        )
        return await handle(*context, _http_exception(refusal))

    # The handler returns None only for a closed WebSocket, where Quart needs no response.
    handler = cast("Callable[[TokenError], Awaitable[ResponseReturnValue]]", token_error)
    app.register_error_handler(TokenError, handler)


def _http_exception(refusal: Refusal) -> HTTPException:
    response = Response(
        refusal.content, refusal.status, dict(refusal.headers), content_type="application/json"
    )
    return default_exceptions[refusal.status](refusal.detail, response)
