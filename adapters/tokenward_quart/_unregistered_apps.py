"""Checks apps on which `init_app` was not called, so that a forgotten call is found at startup."""

from typing import Final
from weakref import WeakKeyDictionary

from quart import (
    Quart,
    appcontext_pushed,
    got_request_exception,
    got_websocket_exception,
    has_request_context,
    has_websocket_context,
    request_started,
    websocket_started,
)

from tokenward import TokenError
from tokenward_quart._startup_checks import check_app

__all__ = ["UnregisteredAppChecks"]

_STARTED_SIGNALS: Final = (request_started, websocket_started)
_EXCEPTION_SIGNALS: Final = (got_request_exception, got_websocket_exception)
_NOTE: Final = "Call auth.init_app(app): the app then answers this error with its status."


class UnregisteredAppChecks:
    """Checks every app that starts or handles a request, until `stop`."""

    def __init__(self) -> None:
        """Start. Quart's signals hold weak references, so the checks end with their `TokenAuth`."""
        self._checked: WeakKeyDictionary[Quart, int] = WeakKeyDictionary()
        # Quart has no startup signal, but it pushes an app context at startup.
        appcontext_pushed.connect(self._check_start)
        for signal in _STARTED_SIGNALS:
            signal.connect(self._check)
        for signal in _EXCEPTION_SIGNALS:
            signal.connect(self._explain)

    def stop(self) -> None:
        """Stop: `init_app` checks the registered apps."""
        appcontext_pushed.disconnect(self._check_start)
        for signal in _STARTED_SIGNALS:
            signal.disconnect(self._check)
        for signal in _EXCEPTION_SIGNALS:
            signal.disconnect(self._explain)

    async def _check_start(self, app: Quart, **_: object) -> None:
        # Scripts and app factories push a context too, possibly before the app is complete. For a
        # request, an error in this signal would not become a response.
        is_started = hasattr(app, "shutdown_event")
        if is_started and not (has_request_context() or has_websocket_context()):
            await self._check(app)

    async def _check(self, app: Quart, **_: object) -> None:
        size = len(app.view_functions)
        if self._checked.get(app) != size:
            check_app(app)
            self._checked[app] = size

    async def _explain(self, _: Quart, *, exception: Exception, **__: object) -> None:
        """Add the missing call to the traceback of a `TokenError` that becomes a 500."""
        if isinstance(exception, TokenError) and _NOTE not in getattr(exception, "__notes__", ()):
            exception.add_note(_NOTE)
