"""The keys of another issuer, fetched from its JWK set. Needs ``tokenward[jwks]``."""

import asyncio
import contextvars
import logging
import math
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self, TypedDict, Unpack

from tokenward.errors import ConfigurationError, KeysUnavailableError, SigningKeyError
from tokenward.jose.algorithms import ALGORITHMS
from tokenward.jose.key import Key
from tokenward.jose.key_source import Signer
from tokenward.keys.discovery import WellKnown, jwks_url, metadata_url
from tokenward.keys.fetching import FetchedDocument, Fetcher, checked_url, freshness_seconds
from tokenward.keys.jwk_set import JwkSet

if TYPE_CHECKING:
    import httpx

__all__ = ["RemoteKeySet", "RemoteKeySetOptions"]

_logger: Final = logging.getLogger("tokenward")
_REFRESH_AHEAD: Final = 0.8
"""The part of its lifetime after which a set is refreshed in the background."""


class RemoteKeySetOptions(TypedDict, total=False):
    """The options of `RemoteKeySet`, which documents them."""

    algorithms: Collection[str] | None
    client: "httpx.AsyncClient | None"
    lifetime: timedelta
    max_lifetime: timedelta
    stale_for: timedelta
    cooldown: timedelta
    timeout: timedelta


class RemoteKeySet:
    """The keys of another issuer, for an engine that verifies its tokens and issues none.

    ::

        keys = RemoteKeySet.from_issuer("https://login.example")     # or RemoteKeySet(jwks_url)
        engine = TokenEngine(keys, policy=TokenPolicy(issuer="https://login.example", ...))

    The set is fetched when the first token comes. All waiting tokens share one fetch, and none of
    them can cancel it for the others. At least `cooldown` passes between the starts of two fetches.
    After four fifths of its lifetime, the set is refreshed in the background. While the issuer does
    not respond with a usable set, the known keys stay valid for `stale_for`; then requests are
    refused with 503. Engines may share a set, even in several event loops.

    Secrets (``oct``), private keys, keys for another use than signatures, and all keys that share a
    key id and are not the same are never used. A JWK without ``kid`` verifies tokens with any or no
    ``kid`` if it is the only key of its algorithm.
    """

    def __init__(
        self,
        url: str,
        *,
        algorithms: Collection[str] | None = None,
        client: "httpx.AsyncClient | None" = None,
        lifetime: timedelta = timedelta(minutes=10),
        max_lifetime: timedelta = timedelta(hours=1),
        stale_for: timedelta = timedelta(hours=1),
        cooldown: timedelta = timedelta(seconds=30),
        timeout: timedelta = timedelta(seconds=5),
    ) -> None:
        """Take the URL of a JWK set (RFC 7517 §5).

        Args:
            url: https; plain http only for ``localhost``, ``127.0.0.1`` and ``[::1]``. Redirects and
                more than 1 MiB are refused.
            algorithms: the only accepted algorithms; None: all except HMAC. A JWK without ``alg``
                gets the most common one of its kind (RSA: RS256), else the first of these.
            client: the HTTP client, which you close, and use in its event loop only; None: a new
                client for each fetch.
            lifetime: the lifetime of a set without ``Cache-Control``.
            max_lifetime: the maximum for ``Cache-Control``; the minimum is `cooldown`.
            stale_for: how long a set stays valid after its lifetime while the issuer is down.
            cooldown: the minimum time between the starts of two fetches, after a failure or for
                unknown key ids. It is also the longest time for which a new key of the issuer is
                refused.
            timeout: the time limit of a whole fetch.

        Raises:
            ConfigurationError: httpx is not installed, or an argument is invalid.
        """
        self._url = checked_url(url, "url")
        self._issuer: str | None = None
        self._algorithms = None if algorithms is None else _checked_algorithms(algorithms)
        self._fetcher = Fetcher(client)
        self._lifetime = _seconds(lifetime, "lifetime")
        self._max_lifetime = _seconds(max_lifetime, "max_lifetime")
        self._stale_for = _seconds(stale_for, "stale_for", may_be_zero=True)
        self._cooldown = _seconds(cooldown, "cooldown")
        self._timeout = _seconds(timeout, "timeout")

        if not self._cooldown <= self._lifetime <= self._max_lifetime:
            msg = "lifetime must not be shorter than cooldown, nor longer than max_lifetime."
            raise ConfigurationError(msg)

        self.version: int = 0
        """A number that grows whenever the keys change."""
        self.due_at: float = -math.inf
        """Always in the past: engines call `prepare` before each use of the set."""
        self.can_sign: bool = False

        self._keys: JwkSet | None = None
        self._fresh_for = self._lifetime
        self._fetched_at = self._started_at = -math.inf
        self._is_down = False
        self._tasks: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}

    @classmethod
    def from_issuer(
        cls,
        issuer: str,
        *,
        well_known: WellKnown = "openid-configuration",
        **options: Unpack[RemoteKeySetOptions],
    ) -> Self:
        """Read the URL of the keys from the metadata of an issuer, for each fetch.

        The metadata must name exactly this issuer. The rules for `url` apply to its ``jwks_uri``;
        plain http is accepted only from an issuer on this machine.

        Args:
            issuer: the exact text of ``iss`` and of the policy's `issuer`.
            well_known: the kind of metadata: OpenID Connect Discovery §4, or RFC 8414 §3.
            options: see `RemoteKeySet`.

        Raises:
            ConfigurationError: see `RemoteKeySet`, or the issuer has a query.
        """
        keys = cls(metadata_url(issuer, well_known), **options)
        keys._issuer = issuer
        return keys

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Return the cached key that a header names: by ``kid``, or the only one of its ``alg``.

        Raises:
            UnknownKeyError: no key fits, or more than one.
            AlgorithmMismatchError: the key has another algorithm, or no key has this algorithm.
            KeysUnavailableError: no set has been fetched yet.
        """
        if self._keys is None:
            raise KeysUnavailableError
        return self._keys.find(kid=kid, algorithm=algorithm)

    async def prepare(self, now: float) -> None:
        """Fetch the keys if they are due. Valid keys are used meanwhile, without waiting.

        Raises:
            KeysUnavailableError: there are no keys, or they are too old, and the issuer is down.
        """
        if _is_within(self._fresh_for * _REFRESH_AHEAD, self._fetched_at, now):
            return

        last = self._fresh_for + self._stale_for
        if _is_within(last if self._is_down else self._fresh_for, self._fetched_at, now):
            self._start_fetch(now)
            return

        task = self._start_fetch(now)
        if task is not None:
            await asyncio.wait((task,))
        if not _is_within(self._fresh_for + self._stale_for, self._fetched_at, now):
            raise KeysUnavailableError

    async def fetch_for(self, kid: str | None, now: float) -> bool:
        """Fetch the keys for an unknown key id; return whether to try the token again.

        At most one fetch starts within `cooldown`; all callers wait for it. Key ids that are not
        found are not remembered: otherwise a stranger who names the next key of an issuer in
        advance could delay it. A header without ``kid`` starts no fetch.

        Args:
            kid: the key id of an unverified header.
            now: seconds since 1970.

        Returns:
            True if the set has this id now, or has changed otherwise.
        """
        task = None if kid is None else self._start_fetch(now)
        if kid is None or task is None:
            return False

        version = self.version
        await asyncio.wait((task,))
        # The token may be signed with a key without an id, which has been replaced.
        return self.version != version or (self._keys is not None and self._keys.has(kid))

    def signing_key(self) -> Key | Signer:
        """Raise `SigningKeyError`: the private keys are the issuer's."""
        raise SigningKeyError

    async def aclose(self) -> None:
        """Cancel a running fetch. The client that you passed is not closed."""
        task = self._tasks.get(asyncio.get_running_loop())
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait((task,))

    async def __aenter__(self) -> Self:
        """Return the set; nothing is fetched."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Call `aclose`."""
        await self.aclose()

    def __repr__(self) -> str:
        """Show the number of keys, not the URL."""
        return f"RemoteKeySet(keys={0 if self._keys is None else len(self._keys)})"

    def _start_fetch(self, now: float) -> asyncio.Task[None] | None:
        """Return the running fetch of this loop, else start one; None within the cooldown."""
        loop = asyncio.get_running_loop()
        pending = {each: task for each, task in self._tasks.items() if not task.done()}
        if loop in pending:
            return pending[loop]

        # A task of this loop cannot wait for one of another loop, which may be closed and never end.
        if _is_within(self._cooldown, self._started_at, now) and not pending:
            return None

        self._started_at = now
        # An empty context, so that the task does not keep the request that starts it alive.
        task = loop.create_task(self._fetch(now), context=contextvars.Context())
        self._tasks = {each: old for each, old in pending.items() if not each.is_closed()}
        self._tasks[loop] = task
        return task

    async def _fetch(self, now: float) -> None:
        """Replace the keys. Any error is an outage, and leaves the known keys as they are."""
        try:
            async with asyncio.timeout(self._timeout):
                document = await self._download()
            keys = JwkSet.read(document.body, algorithms=self._algorithms, known=self._keys)
        except asyncio.CancelledError:
            self._started_at = -math.inf
            raise
        except Exception as exc:  # noqa: BLE001 - httpx raises many kinds of errors
            if not self._is_down:
                # The type only: messages of httpx and other libraries repeat URLs.
                _logger.warning("The keys of an issuer cannot be fetched (%s).", type(exc).__name__)
            self._is_down = True
            return

        requested = freshness_seconds(document)
        bounded = self._lifetime if requested is None else min(requested, self._max_lifetime)
        self._fresh_for = max(bounded, self._cooldown)

        before, self._keys = self._keys, keys
        self._fetched_at = now
        self._is_down = False
        if before is not None and before.keys != keys.keys:
            # Last: a reader that sees the new version sees the new keys.
            self.version += 1

    async def _download(self) -> FetchedDocument:
        document = await self._fetcher.get(self._url)
        if self._issuer is None:
            return document

        is_local = self._url.scheme == "http"
        return await self._fetcher.get(
            jwks_url(document.body, self._issuer, allow_loopback=is_local)
        )


def _is_within(span: float, since: float, now: float) -> bool:
    """Whether a time is less than a span ago, or ahead because the clock was set back."""
    return abs(now - since) < span


def _seconds(value: timedelta, setting: str, *, may_be_zero: bool = False) -> float:
    least = timedelta(0) if may_be_zero else timedelta.resolution
    if not isinstance(value, timedelta) or value < least:
        msg = f"{setting} must be a timedelta {'that is not negative' if may_be_zero else 'above zero'}."
        raise ConfigurationError(msg)
    return value.total_seconds()


def _checked_algorithms(names: Collection[str]) -> frozenset[str]:
    known = {name for name, row in ALGORITHMS.items() if row.key_type != "oct"}
    if isinstance(names, str) or not names or not known.issuperset(names):
        msg = f"algorithms must be some of: {', '.join(sorted(known))}."
        raise ConfigurationError(msg)
    return frozenset(names)
