"""Which apps a `TokenAuth` was given to."""

from weakref import WeakSet

from quart import Quart

from tokenward import ConfigurationError

__all__ = ["KnownApps"]


class KnownApps:
    """The apps that one `TokenAuth` was given to by `init_app`."""

    def __init__(self) -> None:
        """Begin without any."""
        self._apps: WeakSet[Quart] = WeakSet()
        self._had_any = False

    def __contains__(self, app: Quart) -> bool:
        """Whether the `TokenAuth` was given the app."""
        return app in self._apps

    def add(self, app: Quart) -> None:
        """Note that the `TokenAuth` was given an app."""
        self._apps.add(app)
        self._had_any = True

    def may_serve(self, app: Quart) -> bool:
        """Whether what the `TokenAuth` decorated may be meant for an app: it has no other app."""
        return app in self._apps or not self._had_any

    def require(self, app: Quart) -> None:
        """Refuse to serve an app that would answer a `TokenError` with 500.

        Raises:
            ConfigurationError: the app was not given to the `TokenAuth`.
        """
        if app not in self._apps:
            msg = "The app does not know this TokenAuth: call auth.init_app(app)."
            raise ConfigurationError(msg)
