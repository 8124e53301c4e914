"""From options and the environment to settings, and to an engine that is closed at the end."""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from typer import BadParameter

from tokenward.claims import Claims
from tokenward.cli.options import Common, KeyOptions
from tokenward.engine import TokenEngine
from tokenward.errors import ConfigurationError
from tokenward.keys import Key, KeyRing
from tokenward.settings import KEY_SETTINGS, TokenwardSettings
from tokenward.stores import MemoryStore, RevocationStore

__all__ = [
    "has_keys", "keys_directory", "open_engine", "secret_in", "settings_of", "shared_store",
]  # fmt: skip

_URLS: Final = ("https://", "http://")
_TAKE_AN_ENCODING: Final = frozenset({"secret", "secret_file"})
_TAKE_AN_ALGORITHM: Final = frozenset({"secret", "secret_file", "pem_file", "jwks_url"})


def settings_of(common: Common, keys: KeyOptions) -> TokenwardSettings:
    """Return the settings of the environment; the keys of an option replace its keys.

    Raises:
        ConfigurationError: see `TokenwardSettings`.
        BadParameter: options contradict each other, or a named variable is not set.
    """
    settings = TokenwardSettings(_env_file=common.env_file)
    chosen = _chosen_keys(keys)
    if len(chosen) > 1:
        msg = "Use only one of --keys, --secret-file, --secret-env, --pem and --jwks."
        raise BadParameter(msg)

    if keys.pem_password_env is not None:
        if keys.pem is None:
            msg = "--pem-password-env requires --pem."
            raise BadParameter(msg)
        chosen["pem_password"] = secret_in(keys.pem_password_env)

    if keys.secret_encoding is not None:
        if _TAKE_AN_ENCODING.isdisjoint(chosen):
            msg = "--secret-encoding requires --secret-file or --secret-env."
            raise BadParameter(msg)
        chosen["secret_encoding"] = keys.secret_encoding

    if keys.algorithm is not None:
        if _TAKE_AN_ALGORITHM.isdisjoint(chosen):
            msg = "--algorithm requires --secret-file, --secret-env, --pem or --jwks URL."
            raise BadParameter(msg)
        chosen["algorithm"] = keys.algorithm

    if not chosen:
        return settings
    nothing = dict.fromkeys((*KEY_SETTINGS, "secret_encoding", "pem_password", "algorithm", "kid"))
    return settings.model_copy(update={**nothing, **chosen})


def has_keys(settings: TokenwardSettings) -> bool:
    """Whether the settings name keys."""
    return any(getattr(settings, name) is not None for name in KEY_SETTINGS)


def keys_directory(common: Common, keys: Path | None) -> Path:
    """Return the directory of keys of the option, or of the environment.

    Raises:
        BadParameter: neither names one.
    """
    directory = keys or TokenwardSettings(_env_file=common.env_file).keys_dir
    if directory is None:
        msg = "Name the directory of the keys: --keys DIR, or TOKENWARD_KEYS_DIR."
        raise BadParameter(msg)
    return directory


@asynccontextmanager
async def open_engine(
    settings: TokenwardSettings, *, now: float, store: RevocationStore | None = None
) -> AsyncIterator[TokenEngine[Claims]]:
    """Yield an engine with a fixed clock, and close its store and its keys at the end.

    If the settings name no keys, the engine has a new public key, which verifies no token. Such an
    engine issues nothing, so the store alone decides how long revocations are kept.
    """
    async with AsyncExitStack() as stack:
        if store is not None:
            await stack.enter_async_context(store)

        keys = settings.to_keys() if has_keys(settings) else _new_public_key()
        if isinstance(keys, AbstractAsyncContextManager):
            await stack.enter_async_context(keys)

        yield TokenEngine(keys, policy=settings.to_policy(), store=store, clock=lambda: now)


def _new_public_key() -> KeyRing:
    return KeyRing.from_jwk(Key.generate().public_jwk())


def shared_store(settings: TokenwardSettings) -> RevocationStore:
    """Return the store of the settings; a store in memory is refused, because nothing shares it.

    Raises:
        ConfigurationError: the settings name no store, a store in memory, or an unusable store.
    """
    store = settings.to_store()
    if store is None or isinstance(store, MemoryStore):
        msg = (
            f"A shared store is required: set {settings.variable('store_url')} to the URL of the "
            "service's store. A store in memory ends with this command."
        )
        raise ConfigurationError(msg)
    return store


def _chosen_keys(keys: KeyOptions) -> dict[str, object]:
    is_url = keys.jwks is not None and keys.jwks.startswith(_URLS)
    named: dict[str, object] = {
        "keys_dir": keys.keys,
        "secret_file": keys.secret_file,
        "secret": None if keys.secret_env is None else secret_in(keys.secret_env),
        "pem_file": keys.pem,
        "jwks_url": keys.jwks if is_url else None,
        "jwks_file": Path(keys.jwks) if keys.jwks is not None and not is_url else None,
    }
    return {name: value for name, value in named.items() if value is not None}


def secret_in(variable: str) -> SecretStr:
    """Return the value of an environment variable that an option names.

    Raises:
        BadParameter: the variable is not set, or empty.
    """
    value = os.environ.get(variable)
    if not value:
        msg = f"The variable {variable} is not set."
        raise BadParameter(msg)
    return SecretStr(value)
