"""Settings from the environment, in which unknown and empty variables are errors.

Errors contain the names of variables and settings, never values.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import PrivateAttr, ValidationError
from pydantic.fields import FieldInfo

from tokenward.errors import ConfigurationError
from tokenward.jose.without_context import raise_without_context

try:
    from pydantic_settings import (
        BaseSettings,
        DotEnvSettingsSource,
        EnvSettingsSource,
        PydanticBaseSettingsSource,
        SettingsConfigDict,
    )
except ImportError as _absent:
    _MISSING: Final = (
        "tokenward.settings needs pydantic-settings: install Tokenward with its extra 'settings'"
    )
    raise ImportError(_MISSING, name=_absent.name) from _absent

__all__ = ["SettingsConfigDict", "StrictSettings"]


class StrictSettings(BaseSettings):
    """Settings from the environment and from an optional env file."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True
    )

    _prefix: str = PrivateAttr("")

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - the types of the fields
        """Read the environment.

        Args:
            values: settings by name, which override the environment. Also ``_env_file``, a file
                with settings that the environment overrides, and ``_env_prefix``, another prefix.

        Raises:
            ConfigurationError: a variable is unknown or empty, a value is invalid, or settings
                contradict each other. The message names the variables, never a value.
        """
        prefix = values.get("_env_prefix") or type(self).model_config.get("env_prefix", "")
        try:
            super().__init__(**values)
        except ValidationError as exc:
            # Pydantic's error holds the values of the settings.
            raise_without_context(ConfigurationError(_explained(exc, type(self), prefix)))
        self._prefix = prefix

    def variable(self, setting: str) -> str:
        """Return the name of the variable of a setting."""
        return f"{self._prefix}{setting.upper()}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - Pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Replace the sources of pydantic-settings by strict ones, without secret files."""
        return (
            init_settings,
            *(
                _StrictVariables(settings_cls, source)
                for source in (env_settings, dotenv_settings)
                if isinstance(source, EnvSettingsSource)
            ),
        )


class _StrictVariables(PydanticBaseSettingsSource):
    """Reads the variables with the prefix, each of which must be a setting."""

    def __init__(self, settings_cls: type[BaseSettings], source: EnvSettingsSource) -> None:
        super().__init__(settings_cls)
        if isinstance(source, DotEnvSettingsSource):
            _check_env_files(source.env_file)
        self._prefix = source.env_prefix
        self._variables: Mapping[str, str | None] = source.env_vars

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 - Pydantic's signature
        field_name: str,
    ) -> tuple[str | None, str, bool]:
        return self._variables.get(f"{self._prefix}{field_name}".lower()), field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        fields = self.settings_cls.model_fields

        for variable in sorted(self._variables):
            if not variable.lower().startswith(self._prefix.lower()):
                continue
            name = variable[len(self._prefix) :].lower()
            if name not in fields:
                raise ConfigurationError(_unknown(variable.upper(), name, fields, self._prefix))

            found[name], _, _ = self.get_field_value(fields[name], name)
            if not found[name]:
                msg = f"{variable.upper()} is empty: set a value, or remove the variable."
                raise ConfigurationError(msg)
        return found


def _check_env_files(env_file: object) -> None:
    files = env_file if isinstance(env_file, list | tuple) else (env_file,)
    for each in files:
        if isinstance(each, str | Path) and not Path(each).expanduser().exists():
            msg = "The env file does not exist."
            raise ConfigurationError(msg)


def _unknown(variable: str, name: str, fields: Mapping[str, FieldInfo], prefix: str) -> str:
    near = get_close_matches(name, fields, n=1)
    hint = f" Did you mean {prefix}{near[0].upper()}?" if near else ""
    return f"{variable} is not a setting of Tokenward.{hint}"


def _explained(error: ValidationError, model: type[BaseSettings], prefix: str) -> str:
    """Return the message for a validation error: one sentence for each fault, with variables."""
    sentences = []
    for fault in error.errors(include_url=False, include_input=False):
        own = fault.get("ctx", {}).get("error")
        said = str(own) if isinstance(own, ConfigurationError) else f"{fault['msg']}."
        if not fault["loc"]:
            sentences.append(_with_variables(said, model, prefix))
        elif fault["type"] == "extra_forbidden":
            sentences.append(f"{fault['loc'][0]} is not a setting of Tokenward.")
        else:
            sentences.append(f"{prefix}{str(fault['loc'][0]).upper()}: {said}")
    return " ".join(dict.fromkeys(sentences))


def _with_variables(sentence: str, model: type[BaseSettings], prefix: str) -> str:
    """Replace the names of settings by the names of their variables.

    A name is replaced at the start of the sentence, in braces, or if it has an underscore. Elsewhere
    it may be a plain English word, such as "issuer" or "secret".
    """
    names = "|".join(model.model_fields)
    long_names = "|".join(name for name in model.model_fields if "_" in name)

    pattern = rf"\{{({names})\}}|^({names})\b|(?<![\w'])({long_names})\b(?!=)"
    return re.sub(
        pattern, lambda found: f"{prefix}{(found[1] or found[2] or found[3]).upper()}", sentence
    )
