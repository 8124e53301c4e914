"""The settings that a class or an object has at the moment, and the engines that belong to them."""

from collections.abc import Callable
from operator import attrgetter, is_, itemgetter
from typing import Final

from tokenward_fastapi.authjwt._denylist import DenylistCallback
from tokenward_fastapi.authjwt._engines import Engines
from tokenward_fastapi.authjwt._keys import SettingsKeys
from tokenward_fastapi.authjwt.config import LoadConfig, validated_settings

__all__ = ["ATTRIBUTES", "CurrentEngines", "attribute_values"]

ATTRIBUTES: Final = {f"_{name.removeprefix('authjwt_')}": name for name in LoadConfig.model_fields}
"""The name of each setting in the configuration, by the name of its attribute."""

attribute_values: Final[Callable[[object], tuple[object, ...]]] = attrgetter(*ATTRIBUTES)
"""Returns the settings of a class or an object, in the order of `ATTRIBUTES`, not checked."""


class CurrentEngines:
    """Engines, and the values of the attributes from which they were built."""

    def __init__(
        self,
        values: tuple[object, ...],
        current_callback: Callable[[], DenylistCallback | None],
        loaded_keys: SettingsKeys | None,
    ) -> None:
        """Check the values and create the engines; for the arguments see `Engines`.

        Raises:
            ValidationError: a value is invalid; the error does not contain it.
        """
        settings = validated_settings(dict(zip(ATTRIBUTES.values(), values, strict=True)))
        self.engines = Engines(settings, current_callback, loaded_keys)
        # A program may change a list or a set in place.
        self._values = tuple(
            value.copy() if isinstance(value, list | set) else value for value in values
        )
        # 0 and False are equal, but differ as a lifetime.
        self._numbers_of = itemgetter(
            *(index for index, value in enumerate(values) if isinstance(value, int))
        )
        self._numbers: tuple[object, ...] = self._numbers_of(values)

    def belong_to(self, values: tuple[object, ...]) -> bool:
        """Whether these are the values from which the engines were built."""
        return values == self._values and all(map(is_, self._numbers_of(values), self._numbers))
