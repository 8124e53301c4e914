"""The keys of another issuer, fetched from where it publishes them. Needs ``tokenward[jwks]``."""

import asyncio
import contextvars
import logging
import math
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, Self, TypedDict, Unpack

from tokenward.errors import ConfigurationError, KeysUnavailableError, SigningKeyError
from tokenward.jose.algorithms import ALGORITHMS
from tokenward.jose.key import Key
from tokenward.jose.key_source import Signer
from tokenward.keys.fetching import Answer, Fetcher, checked_url, freshness_seconds
from tokenward.keys.jwk_set import KeySet, UnusableKeySetError, read_object

if TYPE_CHECKING:
    import httpx

__all__ = ["RemoteKeySet", "RemoteKeySetOptions"]

_logger: Final = logging.getLogger("tokenward")
_REFRESH_AHEAD: Final = 0.8
"""After which part of its life a set is fetched anew, while its keys go on serving."""

_WellKnown = Literal["openid-configuration", "oauth-authorization-server"]


class RemoteKeySetOptions(TypedDict, total=False):
    """What `RemoteKeySet` takes besides the address; each is explained there."""

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

    Nothing is fetched before the first token comes. However many tokens wait, one fetch is under
    way, and none of them can cancel it for the others; two never begin within `cooldown`. A set is
    fetched anew in the background when four fifths of its life are over. While the issuer does not
    answer, or not with a set of keys, the keys that are known serve on for `stale_for`; then
    requests are refused with 503. Engines may share one, also in several event loops.

    Never used are secrets (``oct``), keys with a private part, keys that are not meant for
    signatures, and all keys that share one key id and are not the same. A JWK without ``kid``
    verifies tokens with any or no ``kid`` if it is the only one of its algorithm.
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
        """Take the address of a JWK set (RFC 7517 §5).

        Args:
            url: https; plain http for ``localhost``, ``127.0.0.1`` and ``[::1]`` alone. Redirects
                are refused, and so is more than 1 MiB.
            algorithms: the only ones that are accepted; None: all but HMAC. A JWK without ``alg``
                is taken for the usual one of its kind (RSA: RS256), else for the first of these.
            client: in place of one that is made for every fetch; it stays yours, and is to be used
                in its own event loop alone.
            lifetime: of a set whose ``Cache-Control`` does not say.
            max_lifetime: above which ``Cache-Control`` is not believed; below `cooldown` neither.
            stale_for: how long a set serves past its life while the issuer is down.
            cooldown: how long after a fetch began no other begins: after a failure, or for key ids
                that are not known. It is also the longest time for which a new key of the issuer
                is refused.
            timeout: of all that one fetch takes.

        Raises:
            ConfigurationError: httpx is not installed, the address is another than these, or a
                value cannot be meant.
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
        self._keys: KeySet | None = None
        self._life = self._lifetime
        self._fetched_at = self._began_at = -math.inf
        self._is_down = False
        self._tasks: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}

    @classmethod
    def from_issuer(
        cls,
        issuer: str,
        *,
        well_known: _WellKnown = "openid-configuration",
        **options: Unpack[RemoteKeySetOptions],
    ) -> Self:
        """Find the address of the keys in what the issuer says of itself, anew for every fetch.

        What it says must name exactly this issuer, letter by letter, and its ``jwks_uri`` is under
        the same rules as `url`; plain http is taken from an issuer on this machine alone.

        Args:
            issuer: as it stands in ``iss``: the same text as the policy's `issuer`.
            well_known: where it says so: OpenID Connect Discovery §4, or RFC 8414 §3.
            options: see `RemoteKeySet`.

        Raises:
            ConfigurationError: see `RemoteKeySet`; or the issuer has a query.
        """
        checked_url(issuer, "issuer")
        scheme, _, rest = issuer.partition("://")
        host, slash, path = rest.partition("/")
        if "?" in issuer:
            msg = "issuer must be a URL without a query (OpenID Connect Discovery §4)."
            raise ConfigurationError(msg)
        path = (slash + path).removesuffix("/")
        # RFC 8414 §3.1 puts it before the path, OpenID after it.
        both = f"/.well-known/{well_known}"
        path = path + both if well_known == "openid-configuration" else both + path
        keys = cls(f"{scheme}://{host}{path}", **options)
        keys._issuer = issuer
        return keys

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Find the key of a header in memory: by its ``kid``, or the only one of that algorithm.

        Raises:
            UnknownKeyError: there is none, or more than one could be meant.
            AlgorithmMismatchError: the key is bound to another algorithm, or no key has this one.
            KeysUnavailableError: nothing has been fetched yet.
        """
        if self._keys is None:
            raise KeysUnavailableError
        return self._keys.find(kid=kid, algorithm=algorithm)

    async def prepare(self, now: float) -> None:
        """Have keys at hand: at once while they are fresh, or while a new set is on its way.

        Raises:
            KeysUnavailableError: there are none, or they are too old, and the issuer is down.
        """
        if _is_within(self._life * _REFRESH_AHEAD, self._fetched_at, now):
            return
        last = self._life + self._stale_for
        if _is_within(last if self._is_down else self._life, self._fetched_at, now):
            self._begin_if_due(now)
            return
        task = self._begin_if_due(now)
        if task is not None:
            await asyncio.wait((task,))
        if not _is_within(self._life + self._stale_for, self._fetched_at, now):
            raise KeysUnavailableError

    async def fetch_for(self, kid: str | None, now: float) -> bool:
        """Fetch the keys for a key id that is not known; return whether to try the token again.

        At most one fetch begins in every cool-down, whatever comes; all who ask meanwhile wait for
        it. Nothing is remembered of ids that a fetch did not bring: otherwise a stranger who names
        the next key of an issuer in advance could delay it. A header without ``kid`` is no reason
        to fetch.

        Args:
            kid: of a header that nobody vouches for.
            now: seconds since 1970.

        Returns:
            True if the fetch brought this id, or any other change.
        """
        task = None if kid is None else self._begin_if_due(now)
        if kid is None or task is None:
            return False
        version = self.version
        await asyncio.wait((task,))
        # A key without an id may have been replaced by another one.
        return self.version != version or (self._keys is not None and self._keys.has(kid))

    def signing_key(self) -> Key | Signer:
        """Raise `SigningKeyError`: the private keys are the issuer's."""
        raise SigningKeyError

    async def aclose(self) -> None:
        """End a fetch that is under way. A client that was given is not closed."""
        task = self._tasks.get(asyncio.get_running_loop())
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait((task,))

    async def __aenter__(self) -> Self:
        """Give the set itself; nothing is fetched."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self.aclose()

    def __repr__(self) -> str:
        """Say how many keys there are, and not from where."""
        return f"RemoteKeySet(keys={0 if self._keys is None else len(self._keys)})"

    def _begin_if_due(self, now: float) -> asyncio.Task[None] | None:
        """Give the fetch that is under way in this loop, or a new one unless it is too soon."""
        loop = asyncio.get_running_loop()
        pending = {each: task for each, task in self._tasks.items() if not task.done()}
        if loop in pending:
            return pending[loop]
        # A fetch of another loop wakes nobody here, and if that loop is closed it never ends.
        if _is_within(self._cooldown, self._began_at, now) and not pending:
            return None
        self._began_at = now
        # Nothing of the request that happens to be first goes on living in the task.
        task = loop.create_task(self._fetch(now), context=contextvars.Context())
        self._tasks = {each: old for each, old in pending.items() if not each.is_closed()}
        self._tasks[loop] = task
        return task

    async def _fetch(self, now: float) -> None:
        """Replace the keys; whatever goes wrong is an outage, and leaves them as they are."""
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._download()
            keys = KeySet.read(answer.body, algorithms=self._algorithms, known=self._keys)
        except asyncio.CancelledError:
            self._began_at = -math.inf
            raise
        except Exception as exc:  # noqa: BLE001 - it refuses, and httpx lets through much
            if not self._is_down:
                # The type alone: messages of httpx and of others repeat addresses.
                _logger.warning("The keys of an issuer cannot be had (%s).", type(exc).__name__)
            self._is_down = True
            return
        said = freshness_seconds(answer)
        bounded = self._lifetime if said is None else min(said, self._max_lifetime)
        self._life = max(bounded, self._cooldown)
        before, self._keys = self._keys, keys
        self._fetched_at = now
        self._is_down = False
        if before is not None and before.keys != keys.keys:
            # Last: whoever sees the number sees the keys.
            self.version += 1

    async def _download(self) -> Answer:
        if self._issuer is None:
            return await self._fetcher.get(self._url)
        document = read_object((await self._fetcher.get(self._url)).body)
        address = document.get("jwks_uri")
        # OpenID Connect Discovery §4.3 and RFC 8414 §3.3: identical, or another may speak for it.
        if document.get("issuer") != self._issuer or not isinstance(address, str):
            raise UnusableKeySetError
        is_here = self._url.scheme == "http"
        return await self._fetcher.get(checked_url(address, "jwks_uri", allow_loopback=is_here))


def _is_within(span: float, since: float, now: float) -> bool:
    """Tell whether a moment is less than a span ago; or ahead, where the clock was set back."""
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
