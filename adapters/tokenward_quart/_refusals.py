"""How a refusal travels through Quart, and how it is sent.

As a `TokenError`, which stops `before_request` functions as well as handlers.
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
from tokenward_quart._connection import Connection, connection, current, scope_of
from tokenward_quart._sockets import close_refused

__all__ = ["note_refusal", "register_refusals"]

_REFUSAL: Final = "tokenward.refusal"
# Quart hands its context on from 0.23 on, and had it looked up before.
_HANDS_CONTEXT_ON: Final = "ctx" in signature(Quart.handle_http_exception).parameters


def note_refusal(found: Connection, error: TokenError, refusal: Refusal) -> None:
    """Keep the refusal of an error that is about to be raised.

    Only one error handler is asked, and it may be that of another engine.
    """
    scope_of(found)[_REFUSAL] = (error, refusal)


def register_refusals(app: Quart, refusal_of: Callable[[TokenError], Refusal]) -> None:
    """Have the app answer every TokenError, whoever raises it."""

    async def token_error(error: TokenError) -> HTTPException | ResponseReturnValue | None:
        found = connection()
        refused, refusal = scope_of(found).get(_REFUSAL, (None, None))
        if refused is not error:
            refusal = refusal_of(error)
        if isinstance(found, Websocket) and await close_refused(found, refusal):
            return None
        # The app's own handlers of a status or of HTTPException are asked here. To raise it would
        # not do: TRAP_HTTP_EXCEPTIONS makes that a 500.
        context = (current(app_ctx),) if _HANDS_CONTEXT_ON else ()
        handle: Callable[..., Awaitable[HTTPException | ResponseReturnValue]] = (
            app.handle_http_exception
        )
        return await handle(*context, _http_exception(refusal))

    # None is no answer to a request, and none is needed for a socket that is closed.
    handler = cast("Callable[[TokenError], Awaitable[ResponseReturnValue]]", token_error)
    app.register_error_handler(TokenError, handler)


def _http_exception(refusal: Refusal) -> HTTPException:
    response = Response(
        refusal.content, refusal.status, dict(refusal.headers), content_type="application/json"
    )
    return default_exceptions[refusal.status](refusal.detail, response)
