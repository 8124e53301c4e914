"""The keys that the settings contain, one for each algorithm, each loaded when it is first used."""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Final, Literal

from tokenward import Key
from tokenward.errors import InvalidKeyError
from tokenward.keys import WeakKeyWarning, WeakSecretWarning
from tokenward_fastapi.authjwt.config import LoadConfig

__all__ = ["SettingsKeys"]

_SYMMETRIC: Final = frozenset({"HS256", "HS384", "HS512"})
_ASYMMETRIC: Final = frozenset(
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in ("256", "384", "512")
) | {"ES256K", "EdDSA"}

_key_settings: Final[Callable[[LoadConfig], tuple[object, ...]]] = attrgetter(
    "authjwt_secret_key",
    "authjwt_private_key",
    "authjwt_public_key",
    "authjwt_algorithm",
    "authjwt_decode_algorithms",
)


class SettingsKeys:
    """The keys of one configuration."""

    def __init__(self, settings: LoadConfig) -> None:
        """Store the settings; no key is loaded yet."""
        self._settings = settings
        self._loaded: dict[tuple[str, str], Key] = {}
        self._warned: set[type[Warning]] = set()

    def are_of(self, settings: LoadConfig) -> bool:
        """Whether other settings have the same keys and algorithms."""
        return _key_settings(settings) == _key_settings(self._settings)

    def signing_key(self, algorithm: str) -> Key:
        """Return the key that signs with an algorithm.

        Raises:
            RuntimeError: the settings have no such key.
            ValueError: the algorithm is unknown, or the key does not fit it.
        """
        return self._load(algorithm, "private")

    def verification_keys(self) -> list[Key]:
        """Return one key for each accepted algorithm that has a key; that of new tokens first.

        Raises:
            RuntimeError: the settings have no key for any accepted algorithm.
            ValueError: an algorithm is unknown, or no key fits its algorithm.
        """
        settings = self._settings
        algorithms = list(settings.accepted_algorithms)
        algorithms.sort(key=lambda algorithm: algorithm != settings.authjwt_algorithm)

        keys: list[Key] = []
        failures: list[Exception] = []
        for algorithm in dict.fromkeys(algorithms):
            try:
                keys.append(self._verification_key(algorithm))
            except (RuntimeError, InvalidKeyError) as failure:
                failures.append(failure)
        if not keys:
            raise failures[0]
        return keys

    def _verification_key(self, algorithm: str) -> Key:
        key = self._load(algorithm, "public")
        # The private key of the same pair verifies the same tokens and can also sign.
        with contextlib.suppress(RuntimeError, InvalidKeyError):
            private = self._load(algorithm, "private")
            if private.kid == key.kid:
                return private
        return key

    def _load(self, algorithm: str, half: Literal["private", "public"]) -> Key:
        is_symmetric = algorithm in _SYMMETRIC
        if not is_symmetric and algorithm not in _ASYMMETRIC:
            msg = f"Algorithm {algorithm} could not be found"
            raise ValueError(msg)

        slot = (algorithm, "secret" if is_symmetric else half)
        if slot not in self._loaded:
            self._loaded[slot] = (
                self._load_secret(algorithm) if is_symmetric else self._load_pem(algorithm, half)
            )
        return self._loaded[slot]

    def _load_secret(self, algorithm: str) -> Key:
        secret = self._settings.authjwt_secret_key
        if secret is None:
            msg = f"authjwt_secret_key must be set when using symmetric algorithm {algorithm}"
            raise RuntimeError(msg)

        # One warning is enough: all symmetric algorithms share one secret.
        with self._warning_once(WeakSecretWarning):
            return Key.from_weak_secret(secret, algorithm=algorithm)

    def _load_pem(self, algorithm: str, half: Literal["private", "public"]) -> Key:
        settings = self._settings
        pem = settings.authjwt_private_key if half == "private" else settings.authjwt_public_key
        if pem is None:
            msg = f"authjwt_{half}_key must be set when using asymmetric algorithm {algorithm}"
            raise RuntimeError(msg)

        # One warning is enough: the two halves of a pair have one length.
        with self._warning_once(WeakKeyWarning):
            return self._named(pem, algorithm)

    def _named(self, pem: str, algorithm: str) -> Key:
        settings = self._settings
        key = Key.from_weak_pem(pem, algorithm=algorithm)
        used = (settings.authjwt_algorithm, *(settings.authjwt_decode_algorithms or ()))
        first = next((name for name in used if name in _ASYMMETRIC), algorithm)
        if algorithm == first:
            return key
        # A key pair that serves two algorithms counts as two keys, which need two key ids.
        return Key.from_weak_pem(pem, algorithm=algorithm, kid=f"{key.kid}.{algorithm}")

    @contextlib.contextmanager
    def _warning_once(self, category: type[Warning]) -> Iterator[None]:
        with warnings.catch_warnings(record=True, action="always") as caught:
            yield
        if caught and category not in self._warned:
            warnings.warn(str(caught[0].message), category, stacklevel=4)
            self._warned.add(category)
