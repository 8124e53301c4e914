"""The configuration of a class: `AuthJWT` and what is derived from it are set up as classes."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from tokenward import TokenEngine
from tokenward_fastapi.authjwt._claims import AuthJWTClaims
from tokenward_fastapi.authjwt._engines import DenylistCallback, Engines
from tokenward_fastapi.authjwt.config import LoadConfig, read_config

__all__ = ["AuthConfig"]

SettingsT = TypeVar("SettingsT", bound=Callable[[], object])
CallbackT = TypeVar("CallbackT", bound=DenylistCallback)


class AuthConfig:
    """The settings of a class and its engines; a subclass that loads none has those of its parent."""

    _settings: ClassVar[LoadConfig] = LoadConfig()
    _token_in_denylist_callback: ClassVar[DenylistCallback | None] = None
    _own_engines: ClassVar[Engines | None] = None

    @classmethod
    def load_config(cls, settings: SettingsT) -> SettingsT:
        """Take the settings that a function gives; all that were loaded before are forgotten.

        Args:
            settings: gives a Pydantic model or a list of tuples; the names begin with ``authjwt_``,
                in any case.

        Raises:
            TypeError: it gives something else.
            ValidationError: a value cannot be used. The settings from before stay.
        """
        cls._settings = read_config(settings)
        return settings

    @classmethod
    def token_in_denylist_loader(cls, callback: CallbackT) -> CallbackT:
        """Take the function that says whether a token is revoked, by its claims as a dictionary.

        Args:
            callback: a plain function, a coroutine function or an object with ``__call__``; what is
                true revokes. Where it fails, the request is refused with 503.

        Raises:
            TypeError: it cannot be called.
        """
        if not callable(callback):
            msg = "callback must be callable"
            raise TypeError(msg)
        cls._token_in_denylist_callback = staticmethod(callback)
        return callback

    @classmethod
    def engine(cls) -> TokenEngine[AuthJWTClaims]:
        """Give the engine behind the settings of the moment, for the native API.

        ::

            auth = TokenAuth(AuthJWT.engine())

        It does not change when other settings are loaded: call this after `load_config`.

        Raises:
            RuntimeError: a key is missing.
            ValueError: an algorithm is unknown, or its key is unfit.
        """
        return cls._engines().verifier

    @classmethod
    def _engines(cls) -> Engines:
        # Each class has its own, because each may have a deny-list of its own.
        engines: Engines | None = cls.__dict__.get("_own_engines")
        if engines is None or engines.settings is not cls._settings:
            engines = Engines(cls._settings, lambda: cls._token_in_denylist_callback)
            cls._own_engines = engines
        return engines

    @property
    def jwt_in_cookies(self) -> bool:
        """Whether cookies are a location of tokens."""
        return self._settings.in_cookies

    @property
    def jwt_in_headers(self) -> bool:
        """Whether headers are a location of tokens."""
        return self._settings.in_headers


class _Setting:
    """Shows a setting of the moment under the name that it has in the reference."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type[AuthConfig]) -> Any:  # noqa: ANN401
        return getattr(owner._settings, self._name)  # noqa: SLF001 - the same module


for _name in LoadConfig.model_fields:
    setattr(AuthConfig, f"_{_name.removeprefix('authjwt_')}", _Setting(_name))
