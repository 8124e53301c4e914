"""The configuration of a class: `AuthJWT` and its subclasses are configured as classes."""

from collections.abc import Callable
from operator import is_
from typing import ClassVar, Final, TypeVar

from tokenward import TokenEngine
from tokenward_fastapi.authjwt._claims import AuthJWTClaims
from tokenward_fastapi.authjwt._current import ATTRIBUTES, CurrentEngines, attribute_values
from tokenward_fastapi.authjwt._denylist import DenylistCallback
from tokenward_fastapi.authjwt._engines import Engines
from tokenward_fastapi.authjwt._keys import SettingsKeys
from tokenward_fastapi.authjwt.config import LoadConfig, load_settings

__all__ = ["AuthConfig"]

SettingsT = TypeVar("SettingsT", bound=Callable[[], object])
CallbackT = TypeVar("CallbackT", bound=DenylistCallback)

_CALLBACK: Final = "_token_in_denylist_callback"


class AuthConfig:
    """The settings of a class and its engines.

    Each setting is an attribute, named as in the reference: `_algorithm` is ``authjwt_algorithm``.
    `load_config` assigns all of them. A value that is assigned to one of them, on the class or on
    an object, is in effect from the next call on. It is checked by that call, which raises
    Pydantic's ValidationError if it is invalid. None stands for the default, as in `load_config`.
    """

    _token_in_denylist_callback: ClassVar[DenylistCallback | None] = None
    _current: CurrentEngines | None = None
    _loaded_keys: ClassVar[SettingsKeys | None] = None

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
        loaded = load_settings(settings)
        for attribute, name in ATTRIBUTES.items():
            setattr(cls, attribute, getattr(loaded, name))
        cls._current = cls._loaded_keys = None
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

        Call this after `load_config` and after all assignments: the engine keeps its settings.

        Raises:
            RuntimeError: the settings have no key to verify with.
            ValueError: a setting is invalid, an algorithm is unknown, or its key does not fit it.
        """
        return cls._class_engines().verifier

    @property
    def jwt_in_cookies(self) -> bool:
        """Whether tokens may come in cookies."""
        return self._engines().settings.in_cookies

    @property
    def jwt_in_headers(self) -> bool:
        """Whether tokens may come in headers."""
        return self._engines().settings.in_headers

    @classmethod
    def _class_engines(cls) -> Engines:
        # Not inherited: a subclass with its parent's settings may have a denylist callback.
        values = attribute_values(cls)
        return _engines_of(cls, values, lambda: cls._token_in_denylist_callback)

    def _engines(self) -> Engines:
        """Return the engines of the class, or of the object if it has a setting or callback itself.

        Raises:
            ValidationError: a value that was assigned is invalid.
        """
        cls, values = type(self), attribute_values(self)
        if _CALLBACK not in vars(self):
            current: CurrentEngines | None = vars(cls).get("_current")
            if current is not None and current.belong_to(values):
                return current.engines
            if all(map(is_, values, attribute_values(cls))):
                return cls._class_engines()

        return _engines_of(
            self, values, lambda: vars(self).get(_CALLBACK, cls._token_in_denylist_callback)
        )


def _engines_of(
    holder: AuthConfig | type[AuthConfig],
    values: tuple[object, ...],
    current_callback: Callable[[], DenylistCallback | None],
) -> Engines:
    current: CurrentEngines | None = vars(holder).get("_current")
    if current is None or not current.belong_to(values):
        cls = holder if isinstance(holder, type) else type(holder)
        current = CurrentEngines(values, current_callback, cls._loaded_keys)
        holder._current = current  # noqa: SLF001 - the same module
        cls._loaded_keys = current.engines.keys
    return current.engines


for _attribute, _name in ATTRIBUTES.items():
    setattr(AuthConfig, _attribute, getattr(LoadConfig(), _name))
