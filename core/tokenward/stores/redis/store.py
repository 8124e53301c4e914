"""Revocations in Redis 7 or Valkey: for many processes and machines. Needs ``tokenward[redis]``.

Each record is one text under one key. What it says is judged by the time that the engine gives, as
in every store; the key's own time to live only makes Redis forget it.
"""

import asyncio
import base64
import math
import secrets
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple, NoReturn, Self

from tokenward.errors import ConfigurationError
from tokenward.stores.batching import TurnBatcher
from tokenward.stores.ownership import Ownership
from tokenward.stores.protocol import Consumed, Consumption, Revocation

try:
    from redis.asyncio import Redis
except ImportError as _absent:
    _MISSING = "RedisStore needs the redis package: pip install 'tokenward[redis]'"
    raise ImportError(_MISSING) from _absent

from tokenward.stores.redis.calls import Call, Scripts
from tokenward.stores.redis.client import open_client
from tokenward.stores.redis.records import (
    Keys,
    MismatchedReplyError,
    Record,
    Reply,
    any_denies,
    life_ms,
    number_text,
    records_of,
    values_of,
)
from tokenward.stores.redis.scripts import CHECK, CONSUME, RAISE, REVOKE
from tokenward.stores.redis.server import (
    RedisEvictionWarning,
    RedisPersistenceWarning,
    warn_of_losses,
)

__all__ = ["RedisEvictionWarning", "RedisPersistenceWarning", "RedisStore"]

# Lua passes at most some 8,000 arguments in one call.
_KEYS_PER_SCRIPT: Final = 6_000


class _Check(NamedTuple):
    """The keys of one check, and the event loop's time after which it is not sent."""

    keys: Sequence[bytes]
    deadline: float


class RedisStore:
    """A `RevocationStore` in Redis 7 or Valkey.

    Checks of one turn of the event loop go as one script; revocations and uses of one turn as one
    pipeline of scripts, each of them atomic. So a burst takes a connection or two, not hundreds.

    ::

        store = RedisStore("redis://localhost:6379/0")

    On the first use it looks once, in the background, whether the server may lose records, and
    warns with `RedisEvictionWarning` where it may evict them and with `RedisPersistenceWarning`
    where it keeps nothing on disk. A server that hides its settings (managed ones do) is not judged.

    A key under the store's names that is of another type, or holds another text, fails the calls
    that need it: such a call is an outage, never "not revoked".

    Not checked:

    - Redis Cluster is not supported, because a script touches keys of several slots. Replicas lag,
      so read from the primary.
    - Persistence is the server's: with ``appendfsync everysec`` a crash may lose the last second of
      revocations, and with snapshots alone the last minutes.
    - Two prefixes of which one begins with the other may share keys.
    """

    def __init__(
        self,
        url_or_client: str | Redis,
        *,
        key_prefix: str = "tokenward:",
        timeout_seconds: float = 0.5,
        ephemeral: bool = False,
    ) -> None:
        """Take a server; nothing is sent yet.

        Args:
            url_or_client: the URL (``redis://``, ``rediss://``, ``unix://``) of a server, whose
                connections (at most 50) the store then opens and closes; or your own
                `redis.asyncio.Redis`, which `aclose` leaves open. Either value of its
                ``decode_responses`` will do.
            key_prefix: what all keys begin with.
            timeout_seconds: how long any one call may take. A call that has not been sent by then
                is not sent at all.
            ephemeral: you accept that a restart of the server makes revoked tokens valid again;
                no `RedisPersistenceWarning`.

        Raises:
            ConfigurationError: an argument cannot be used; the message says which, and repeats no
                part of a URL.
        """
        if not isinstance(key_prefix, str) or not key_prefix:
            _refuse("key_prefix must be text that is not empty, as 'tokenward:'.")
        if type(timeout_seconds) not in {int, float} or not 0 < timeout_seconds < math.inf:
            _refuse("timeout_seconds must be a finite number above zero.")
        if not isinstance(url_or_client, str | Redis):
            _refuse("url_or_client must be a URL or a redis.asyncio.Redis, and no other client.")
        self._owns_client = isinstance(url_or_client, str)
        self._client = (
            open_client(url_or_client, timeout_seconds)
            if isinstance(url_or_client, str)
            else url_or_client
        )
        self._timeout_seconds = timeout_seconds
        self._ephemeral = ephemeral
        self._keys = Keys(key_prefix.encode("utf-8", "surrogatepass"))
        self._scripts = Scripts(self._client)
        self._checks = TurnBatcher(self._read_all)
        self._calls = TurnBatcher(self._run_all)
        self._look: asyncio.Task[None] | None = None
        self._ownership = Ownership("RedisStore")

    @property
    def timeout_seconds(self) -> float:
        """How long any one call may take."""
        return self._timeout_seconds

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """See `RevocationStore.is_revoked`. One script reads the records of all checks of this turn.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
            Exception: the client failed, or a record cannot be read and no other one denies.
        """
        named = (("token", jti), ("session", sid), ("subject", sub))
        keys = [self._keys.of(kind, identity) for kind, identity in named if identity]
        if not keys:
            return False
        records = await self._checks.ask(_Check(keys, self._deadline()))
        return any_denies(records, issued_at, now)

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """See `RevocationStore.revoke`. One script, so that engines on two machines may meet.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
            Exception: the client failed, or the record that is there cannot be read.
        """
        before = revocation.issued_before if revocation.kind == "subject" else None
        key, nonce = self._keys.of(revocation.kind, revocation.identity), _nonce()
        reply = await self._run(
            REVOKE,
            (key,),
            number_text(revocation.keep_until),
            number_text(math.inf if before is None else before),
            life_ms(revocation.keep_until, now),
            nonce,
        )
        values_of(reply, nonce)

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """See `RevocationStore.consume`. One script.

        The sealed pair has a key of its own, which Redis removes when the grace ends, and which the
        use of the successor removes. Where a client sends the script again because the connection
        broke before the answer came, the use is known by its nonce and stays the first.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
            Exception: the client failed, or the record that is there cannot be read.
        """
        keys, nonce = self._keys, _nonce()
        grace_ms = math.ceil((consumption.grace_until - now) * 1000)
        sealed = base64.b64encode(consumption.sealed).decode() if grace_ms > 0 else ""
        reply = await self._run(
            CONSUME,
            (
                keys.of("consumed", consumption.jti),
                keys.of("pair", consumption.jti),
                keys.of("pair", consumption.successor),
            ),
            number_text(now),
            nonce,
            number_text(consumption.keep_until),
            number_text(consumption.grace_until),
            life_ms(consumption.keep_until, now),
            sealed,
            grace_ms,
        )
        match values_of(reply, nonce):
            case []:
                return Consumed(is_first=True)
            case [0 | 1 as is_in_grace, bytes() | str() as earlier]:
                return Consumed(
                    is_first=False,
                    sealed=base64.b64decode(earlier, validate=True),
                    is_in_grace=is_in_grace == 1,
                )
        raise MismatchedReplyError

    async def raise_retention(self, seconds: float) -> float:
        """See `RevocationStore.raise_retention`. One script; the key has no time to live.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
            Exception: the client failed, or what is kept is no number.
        """
        nonce = _nonce()
        reply = await self._run(RAISE, (self._keys.retention,), number_text(seconds), nonce)
        match values_of(reply, nonce):
            case [bytes() | str() as greatest]:
                return float(greatest)
        raise MismatchedReplyError

    async def purge(self, *, now: float) -> int:  # noqa: ARG002 - of the protocol
        """Do nothing and return 0: Redis removes each record `CLOCK_SPARE_SECONDS` after its end."""
        return 0

    async def aclose(self) -> None:
        """Close the connections that a URL opened; your own client stays open.

        What cancelled callers left under way is awaited before, for `timeout_seconds` at most.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
        """
        self._ownership.check()
        await self._checks.drain()
        await self._calls.drain()
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait([self._look])
        if self._owns_client:
            await self._client.aclose()

    async def __aenter__(self) -> Self:
        """Return the store itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self.aclose()

    def _deadline(self) -> float:
        """Return when a call that begins now has to end, by the clock of the event loop."""
        self._ownership.check()
        return asyncio.get_running_loop().time() + self._timeout_seconds

    async def _run(
        self, script: str, keys: Sequence[bytes], *arguments: bytes | str | int
    ) -> Reply:
        reply = await self._calls.ask(Call(script, keys, arguments, self._deadline()))
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _read_all(self, checks: Sequence[_Check]) -> Sequence[Sequence[Record]]:
        keys = [key for check in checks for key in check.keys]
        records = iter(await self._read(keys, checks[0].deadline))
        return [list(islice(records, len(check.keys))) for check in checks]

    async def _read(self, keys: Sequence[bytes], deadline: float) -> Sequence[Record]:
        nonce, starts = _nonce(), range(0, len(keys), _KEYS_PER_SCRIPT)
        parts = [keys[start : start + _KEYS_PER_SCRIPT] for start in starts]
        replies = await self._run_all([Call(CHECK, part, (nonce,), deadline) for part in parts])
        records: list[Record] = []
        for part, reply in zip(parts, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            records += records_of(reply, nonce, len(part))
        return records

    async def _run_all(self, calls: Sequence[Call]) -> Sequence[Reply]:
        replies = await self._scripts.run_all(calls)
        if self._look is None:
            looking = warn_of_losses(
                self._client, timeout_seconds=self._timeout_seconds, ephemeral=self._ephemeral
            )
            self._look = asyncio.get_running_loop().create_task(looking)
        return replies


def _nonce() -> bytes:
    """Return what tells one call from every other, also from those of a forked process."""
    return secrets.token_hex(8).encode()


def _refuse(message: str) -> NoReturn:
    raise ConfigurationError(message)
