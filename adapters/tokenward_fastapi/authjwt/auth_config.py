"""The configuration of a class: `AuthJWT` and its subclasses are configured as classes."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from tokenward import TokenEngine
from tokenward_fastapi.authjwt._claims import AuthJWTClaims
from tokenward_fastapi.authjwt._denylist import DenylistCallback
from tokenward_fastapi.authjwt._engines import Engines
from tokenward_fastapi.authjwt.config import LoadConfig, load_settings

__all__ = ["AuthConfig"]

SettingsT = TypeVar("SettingsT", bound=Callable[[], object])
CallbackT = TypeVar("CallbackT", bound=DenylistCallback)


class AuthConfig:
    """The settings of a class and its engines; a subclass uses its parent's until it loads its own.

    Each setting is also a class attribute, named as in the reference: `_algorithm` is
    ``authjwt_algorithm``.
    """

    _settings: ClassVar[LoadConfig] = LoadConfig()
    _token_in_denylist_callback: ClassVar[DenylistCallback | None] = None
    _own_engines: ClassVar[Engines | None] = None

    @classmethod
    def load_config(cls, settings: SettingsT) -> SettingsT:
        """Load the settings that a function returns; they replace all settings loaded before.

        Args:
            settings: returns a Pydantic model or a list of tuples. The names begin with
                ``authjwt_``, in any case; other names are ignored.

        Raises:
            TypeError: the function returns something else.
            ValidationError: a value is invalid. The previous settings stay.
        """
        cls._settings = load_settings(settings)
        return settings

    @classmethod
    def token_in_denylist_loader(cls, callback: CallbackT) -> CallbackT:
        """Register the function that decides, by a token's claims, whether the token is revoked.

        Args:
            callback: a function, a coroutine function or a callable object; a true result revokes
                the token. If it fails, the request is refused with 503.

        Raises:
            TypeError: `callback` cannot be called.
        """
        if not callable(callback):
            msg = "callback must be callable"
            raise TypeError(msg)
        cls._token_in_denylist_callback = staticmethod(callback)
        return callback

    @classmethod
    def engine(cls) -> TokenEngine[AuthJWTClaims]:
        """Return the engine of the current settings, for the native API.

        ::

            auth = TokenAuth(AuthJWT.engine())

        Call this after `load_config`: the engine keeps its settings when others are loaded.

        Raises:
            RuntimeError: the settings have no key to verify with.
            ValueError: an algorithm is unknown, or its key does not fit it.
        """
        return cls._engines().verifier

    @classmethod
    def _engines(cls) -> Engines:
        # Not inherited: a subclass with its parent's settings may have a denylist callback.
        engines: Engines | None = cls.__dict__.get("_own_engines")
        if engines is None or engines.settings is not cls._settings:
            engines = Engines(cls._settings, lambda: cls._token_in_denylist_callback)
            cls._own_engines = engines
        return engines

    @property
    def jwt_in_cookies(self) -> bool:
        """Whether tokens may come in cookies."""
        return self._settings.in_cookies

    @property
    def jwt_in_headers(self) -> bool:
        """Whether tokens may come in headers."""
        return self._settings.in_headers


class _Setting:
    """Reads a setting of the class under the name that it has in the reference."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type[AuthConfig]) -> Any:  # noqa: ANN401
        return getattr(owner._settings, self._name)  # noqa: SLF001 - the same module


for _name in LoadConfig.model_fields:
    setattr(AuthConfig, f"_{_name.removeprefix('authjwt_')}", _Setting(_name))
