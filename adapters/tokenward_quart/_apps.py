"""The apps that a `TokenAuth` is registered with."""

from weakref import WeakSet

from quart import Quart

from tokenward import ConfigurationError

__all__ = ["RegisteredApps"]


class RegisteredApps:
    """The apps on which `init_app` of one `TokenAuth` was called."""

    def __init__(self) -> None:
        """Start without apps."""
        self._apps: WeakSet[Quart] = WeakSet()
        self._is_used = False

    def __contains__(self, app: Quart) -> bool:
        """Whether the app is registered."""
        return app in self._apps

    def add(self, app: Quart) -> None:
        """Register an app."""
        self._apps.add(app)
        self._is_used = True

    def may_serve(self, app: Quart) -> bool:
        """Whether functions that the `TokenAuth` decorated may belong to an app.

        True for a registered app, and for every app as long as none was registered.
        """
        return app in self._apps or not self._is_used

    def require(self, app: Quart) -> None:
        """Refuse to serve an unregistered app, which would answer a `TokenError` with 500.

        Raises:
            ConfigurationError: the app is not registered.
        """
        if app not in self._apps:
            msg = "This TokenAuth is not registered with the app: call auth.init_app(app)."
            raise ConfigurationError(msg)
