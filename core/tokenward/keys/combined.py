"""The keys of one issuer that come from several sources, such as a secret and a JWK set."""

from contextlib import AsyncExitStack
from copy import deepcopy
from threading import Lock
from typing import Self

from tokenward.errors import (
    AlgorithmMismatchError,
    ConfigurationError,
    KeysUnavailableError,
    SigningKeyError,
    UnknownKeyError,
)
from tokenward.jose.key import Key
from tokenward.jose.key_source import Closable, KeySource, Signer

__all__ = ["CombinedKeys"]


class CombinedKeys:
    """Several sources of the keys of one issuer, for an engine that verifies its tokens.

    ::

        keys = CombinedKeys(KeyRing.from_secret(old_secret), RemoteKeySet(jwks_url))

    For an issuer that changes from a shared secret to public keys: tokens of both kinds are valid.
    Each key verifies only tokens of its algorithm, so the secret never verifies a token whose
    header names a public-key algorithm, and a public key never one of HMAC.

    While one source is unavailable, tokens with keys of the others are valid, and all other tokens
    are refused with 503. It signs nothing, even if a source can sign.
    """

    def __init__(self, first: KeySource, second: KeySource, /, *more: KeySource) -> None:
        """Combine sources; of two keys with the same id, that of the earlier source counts.

        Raises:
            ConfigurationError: an argument is not a source of keys.
        """
        self._sources = (first, second, *more)
        if any(isinstance(each, type) or not isinstance(each, KeySource) for each in self._sources):
            msg = "CombinedKeys takes sources of keys, as in CombinedKeys(ring, RemoteKeySet(url))."
            raise ConfigurationError(msg)
        self.can_sign: bool = False
        self._are_down = [False] * len(self._sources)
        self._changes = 0
        self._lock = Lock()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return the combination of copies of the sources."""
        return type(self)(*deepcopy(self._sources, memo))

    @property
    def sources(self) -> tuple[KeySource, ...]:
        """The sources, in their order."""
        return self._sources

    @property
    def version(self) -> int:
        """A number that grows when the keys of a source change, or it becomes (un)available."""
        return self._changes + sum(source.version for source in self._sources)

    @property
    def due_at(self) -> float:
        """The earliest time at which a source is due."""
        return min(source.due_at for source in self._sources)

    async def prepare(self, now: float) -> None:
        """Bring the keys of each source up to date; see `KeySource.prepare`.

        Raises:
            KeysUnavailableError: all sources are unavailable.
        """
        for index, source in enumerate(self._sources):
            is_down = False
            if now >= source.due_at:
                try:
                    await source.prepare(now)
                except KeysUnavailableError:
                    is_down = True
            with self._lock:
                if self._are_down[index] != is_down:
                    self._are_down[index] = is_down
                    # Last: a signature that was verified with keys that are too old is checked again.
                    self._changes += 1
        if all(self._are_down):
            raise KeysUnavailableError

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Return the key that a header names, by its id; else the only one of its algorithm.

        Raises:
            UnknownKeyError: no key fits, or more than one.
            AlgorithmMismatchError: the key has another algorithm, or no key has this algorithm.
            KeysUnavailableError: no key fits, and an unavailable source may have it.
        """
        found: list[Key] = []
        is_unknown = False
        for source, is_down in zip(self._sources, self._are_down, strict=True):
            if is_down:
                continue
            try:
                key = source.find(kid=kid, algorithm=algorithm)
            except UnknownKeyError:
                is_unknown = True
            except AlgorithmMismatchError:
                pass
            else:
                if kid is not None and key.kid == kid:
                    return key
                found.append(key)

        if any(self._are_down) and not found:
            raise KeysUnavailableError
        if len(found) == 1:
            return found[0]
        if found or is_unknown:
            raise UnknownKeyError
        raise AlgorithmMismatchError

    async def fetch_for(self, kid: str | None, now: float) -> bool:
        """Let each source look for an unknown key id; return whether to try the token again."""
        return any([await source.fetch_for(kid, now) for source in self._sources])

    async def aclose(self) -> None:
        """Close all sources, also if one of them fails."""
        async with AsyncExitStack() as stack:
            for source in self._sources:
                if isinstance(source, Closable):
                    stack.push_async_callback(source.aclose)

    def signing_key(self) -> Key | Signer:
        """Raise `SigningKeyError`: the keys are the issuer's."""
        raise SigningKeyError

    def __repr__(self) -> str:
        """Show the sources, never key material."""
        return f"CombinedKeys({', '.join(map(repr, self._sources))})"
