"""Looks at apps that were not given to a `TokenAuth`: a forgotten `init_app` is found at the start."""

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
from tokenward_quart._wiring import check_app

__all__ = ["AppWatch"]

_ARRIVALS: Final = (request_started, websocket_started)
_FAILURES: Final = (got_request_exception, got_websocket_exception)
_NOTE: Final = "Call auth.init_app(app): then the app answers this with its status."


class AppWatch:
    """Checks each app that starts or answers, until `stop`."""

    def __init__(self) -> None:
        """Begin. Quart's signals keep no reference, so this ends with its `TokenAuth`."""
        self._checked: WeakKeyDictionary[Quart, int] = WeakKeyDictionary()
        # Quart has no signal for the start of an app; its first context is pushed then.
        appcontext_pushed.connect(self._check_start)
        for signal in _ARRIVALS:
            signal.connect(self._check)
        for signal in _FAILURES:
            signal.connect(self._explain)

    def stop(self) -> None:
        """End: an app that was given to `init_app` is checked by that."""
        appcontext_pushed.disconnect(self._check_start)
        for signal in _ARRIVALS:
            signal.disconnect(self._check)
        for signal in _FAILURES:
            signal.disconnect(self._explain)

    async def _check_start(self, app: Quart, **_: object) -> None:
        # Scripts and factories push a context too, and then the app may be unfinished. An error
        # that is raised when the context of a request is pushed would not become a response.
        is_started = hasattr(app, "shutdown_event")
        if is_started and not (has_request_context() or has_websocket_context()):
            await self._check(app)

    async def _check(self, app: Quart, **_: object) -> None:
        size = len(app.view_functions)
        if self._checked.get(app) != size:
            check_app(app)
            self._checked[app] = size

    async def _explain(self, _: Quart, *, exception: Exception, **__: object) -> None:
        """Add to the log what turns the `TokenError` of a handler into a response: it is a 500 here."""
        if isinstance(exception, TokenError) and _NOTE not in getattr(exception, "__notes__", ()):
            exception.add_note(_NOTE)
