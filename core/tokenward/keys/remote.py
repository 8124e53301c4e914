"""The keys of another issuer, fetched from its JWK set. Needs ``tokenward[jwks]``."""

import asyncio
import contextvars
import logging
import math
from collections.abc import Callable, Collection
from datetime import timedelta
from threading import RLock
from typing import TYPE_CHECKING, Final, Self, Unpack

from tokenward.errors import ConfigurationError, KeysUnavailableError, SigningKeyError
from tokenward.jose.key import Key
from tokenward.jose.key_source import Signer
from tokenward.keys.discovery import WellKnown, metadata_url
from tokenward.keys.fetching import freshness_seconds
from tokenward.keys.jwk_set import JwkSet, SkippedKey, UnusableJwkSetError
from tokenward.keys.outages import reason_of
from tokenward.keys.remote_options import RemoteKeySetOptions, checked_algorithms, checked_seconds
from tokenward.keys.remote_source import KeyFetch, RemoteSource

if TYPE_CHECKING:
    import httpx

__all__ = ["RemoteKeySet"]

_logger: Final = logging.getLogger("tokenward")
_REFRESH_AHEAD: Final = 0.8
"""The part of its lifetime after which a set is refreshed in the background."""


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

    Secrets (``oct``), private keys, keys for another use than signatures, and all keys that share
    key id and algorithm and are not the same are never used; `skipped_keys` lists them. A JWK
    without ``kid`` verifies tokens with any or no ``kid`` if it is the only key of its algorithm.
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
        plain_http_hosts: Collection[str] = (),
    ) -> None:
        """Take the URL of a JWK set (RFC 7517 §5).

        Args:
            url: https; plain http only for ``localhost``, ``127.0.0.1``, ``[::1]`` and
                `plain_http_hosts`. Redirects and more than 1 MiB are refused.
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
            plain_http_hosts: exact names of hosts in your own network that may be reached over
                plain http. Anybody who can change this traffic can forge tokens.

        Raises:
            ConfigurationError: httpx is not installed, or an argument is invalid.
        """
        self._source = RemoteSource(url, client=client, plain_http_hosts=plain_http_hosts)
        self._algorithms = checked_algorithms(algorithms)
        self._lifetime = checked_seconds(lifetime, "lifetime")
        self._max_lifetime = checked_seconds(max_lifetime, "max_lifetime")
        self._stale_for = checked_seconds(stale_for, "stale_for", may_be_zero=True)
        self._cooldown = checked_seconds(cooldown, "cooldown")
        self._timeout = checked_seconds(timeout, "timeout")

        if not self._cooldown <= self._lifetime <= self._max_lifetime:
            msg = "lifetime must not be shorter than cooldown, nor longer than max_lifetime."
            raise ConfigurationError(msg)

        self.version: int = 0
        """A number that grows whenever the keys change."""
        self.due_at: float = -math.inf
        """Always in the past: engines call `prepare` before each use of the set."""
        self.can_sign: bool = False
        self.skipped_keys: tuple[SkippedKey, ...] = ()
        """The members of the last document that are not used, and why."""

        self._keys: JwkSet | None = None
        self._fresh_for = self._lifetime
        self._fetched_at = self._started_at = -math.inf
        self._is_down = False
        self._hooks: list[Callable[[KeyFetch], None]] = []
        self._tasks: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
        # Held for every change. A loop may start a task, and so `_fetch`, within `create_task`.
        self._lock = RLock()

    @classmethod
    def from_issuer(
        cls,
        issuer: str,
        *,
        well_known: WellKnown = "openid-configuration",
        url: str | None = None,
        **options: Unpack[RemoteKeySetOptions],
    ) -> Self:
        """Read the URL of the keys from the metadata of an issuer, for each fetch.

        The metadata must name exactly this issuer. The rules for `url` apply to its ``jwks_uri``;
        plain http to this machine is accepted only from metadata on this machine.

        Args:
            issuer: the exact text of ``iss`` and of the policy's `issuer`.
            well_known: the kind of metadata: OpenID Connect Discovery §4, or RFC 8414 §3.
            url: the address of the issuer in your own network, where the metadata is fetched; None:
                the issuer itself. The metadata and the tokens must still name `issuer`.
            options: see `RemoteKeySet`.

        Raises:
            ConfigurationError: see `RemoteKeySet`, or the issuer or URL has a query.
        """
        hosts = options.get("plain_http_hosts", ())
        keys = cls(metadata_url(issuer, well_known, url=url, plain_http_hosts=hosts), **options)
        keys._source.issuer = issuer
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

    @property
    def fetched_at(self) -> float | None:
        """When the keys were fetched, in the time of the engine; None: there are none yet."""
        return None if self._keys is None else self._fetched_at

    def on_fetch(self, hook: Callable[[KeyFetch], None]) -> None:
        """Call a plain function after each fetch that was not cancelled. It must not raise."""
        self._hooks.append(hook)

    async def aclose(self) -> None:
        """Cancel a running fetch. The client that you passed is not closed."""
        task = self._tasks.get(asyncio.get_running_loop())
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait((task,))

    def __deepcopy__(self, memo: object) -> Self:
        """Return the set itself: engines may share it, and nothing but a fetch changes it."""
        return self

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
        with self._lock:
            pending = {each: task for each, task in self._tasks.items() if not task.done()}
            if loop in pending:
                return pending[loop]
            # A task of this loop cannot wait for one of another loop, which may be closed and never end.
            if _is_within(self._cooldown, self._started_at, now) and not pending:
                return None
            self._started_at = now
            self._tasks = {each: old for each, old in pending.items() if not each.is_closed()}
            # An empty context, so that the task does not keep the request that starts it alive.
            task = loop.create_task(self._fetch(now), context=contextvars.Context())
            self._tasks[loop] = task
            return task

    async def _fetch(self, now: float) -> None:
        """Replace the keys. Any error is an outage, and leaves the known keys as they are."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._timeout):
                document = await self._source.fetch()
            keys = self._read(document.body)
        except asyncio.CancelledError:
            self._started_at = -math.inf
            raise
        except Exception as exc:  # noqa: BLE001 - httpx raises many kinds of errors
            if not self._is_down:
                _logger.warning("The keys of an issuer cannot be fetched: %s", reason_of(exc))
            self._is_down = True
            self._tell(began, exc)
            return

        requested = freshness_seconds(document)
        bounded = self._lifetime if requested is None else min(requested, self._max_lifetime)
        self._fresh_for = max(bounded, self._cooldown)

        with self._lock:
            before, self._keys = self._keys, keys
            self._fetched_at, self._is_down = now, False
            if before is not None and before.keys != keys.keys:
                # Last: a reader that sees the new version sees the new keys.
                self.version += 1
        self._tell(began, None)

    def _tell(self, began: float, error: Exception | None) -> None:
        fetch = KeyFetch(asyncio.get_running_loop().time() - began, error)
        for hook in self._hooks:
            hook(fetch)

    def _read(self, body: bytes) -> JwkSet:
        """Return the keys of a document, and remember which members are skipped."""
        try:
            keys = JwkSet.read(body, algorithms=self._algorithms, known=self._keys)
        except UnusableJwkSetError as exc:
            self.skipped_keys = exc.skipped
            raise
        self.skipped_keys = keys.skipped
        return keys


def _is_within(span: float, since: float, now: float) -> bool:
    """Whether a time is less than a span ago, or ahead because the clock was set back."""
    return abs(now - since) < span
