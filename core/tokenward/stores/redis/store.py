"""Revocations in Redis 7 or Valkey: for many processes and machines. Needs ``tokenward[redis]``.

Each record is one text under one key. As in every store, the time that the engine passes decides
whether it still counts; the key's time to live only makes Redis remove it later.
"""

import asyncio
import base64
import math
from collections.abc import Sequence
from typing import Self

from tokenward._arguments import refuse
from tokenward.stores.batching import TurnBatcher
from tokenward.stores.ownership import Ownership
from tokenward.stores.protocol import Consumed, Consumption, Revocation

try:
    from redis.asyncio import Redis
except ImportError as _absent:
    _MISSING = "RedisStore needs the redis package: pip install 'tokenward[redis]'"
    raise ImportError(_MISSING) from _absent

from tokenward.stores.redis.client import open_client
from tokenward.stores.redis.lookups import Check, new_nonce, read_records
from tokenward.stores.redis.loss_warnings import (
    RedisEvictionWarning,
    RedisPersistenceWarning,
    warn_of_losses,
)
from tokenward.stores.redis.records import (
    Keys,
    MismatchedReplyError,
    Record,
    Reply,
    any_denies,
    life_ms,
    number_text,
    values_of,
)
from tokenward.stores.redis.script_runner import Call, ScriptRunner
from tokenward.stores.redis.scripts import CONSUME, RAISE, REVOKE

__all__ = ["RedisEvictionWarning", "RedisPersistenceWarning", "RedisStore"]


class RedisStore:
    """A `RevocationStore` in Redis 7 or Valkey.

    All checks of one turn of the event loop are one script; all revocations and uses of one turn are
    one pipeline of scripts, each of them atomic. A burst takes one or two connections, not hundreds.

    ::

        store = RedisStore("redis://localhost:6379/0")

    On first use it checks once, in the background, whether the server may lose records. It warns with
    `RedisEvictionWarning` if the server may evict them, and with `RedisPersistenceWarning` if it
    stores nothing on disk. A server that hides its settings, as managed servers do, is not checked.

    If a key of the store has another type or an unreadable text, the calls that need it fail: such a
    call is an outage, never "not revoked".

    Not checked:

    - Redis Cluster is not supported, because a script uses keys of several slots. Replicas lag, so
      connect to the primary.
    - Persistence depends on the server: with ``appendfsync everysec`` a crash may lose the last
      second of revocations, and with snapshots only the last minutes.
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
        """Use a server; nothing is sent yet.

        Args:
            url_or_client: the URL (``redis://``, ``rediss://``, ``unix://``) of a server, to which
                the store opens at most 50 connections, and closes them; or your own
                `redis.asyncio.Redis`, with any ``decode_responses``, which `aclose` leaves open.
            key_prefix: the beginning of all keys.
            timeout_seconds: the maximum duration of one call. A call that has not been sent by then
                is not sent at all.
            ephemeral: you accept that a restart of the server makes revoked tokens valid again;
                turns `RedisPersistenceWarning` off.

        Raises:
            ConfigurationError: an argument is invalid. The message names it, and repeats no part of
                a URL.
        """
        if not isinstance(key_prefix, str) or not key_prefix:
            refuse("key_prefix must be text that is not empty, such as 'tokenward:'.")
        if type(timeout_seconds) not in {int, float} or not 0 < timeout_seconds < math.inf:
            refuse("timeout_seconds must be a finite number above zero.")
        if not isinstance(url_or_client, str | Redis):
            refuse("url_or_client must be a URL or a redis.asyncio.Redis, not another client.")

        self._owns_client = isinstance(url_or_client, str)
        self._client = (
            open_client(url_or_client, timeout_seconds)
            if isinstance(url_or_client, str)
            else url_or_client
        )

        self._timeout_seconds = timeout_seconds
        self._ephemeral = ephemeral

        self._keys = Keys(key_prefix.encode("utf-8", "surrogatepass"))
        self._scripts = ScriptRunner(self._client)
        self._checks = TurnBatcher(self._read_all)
        self._calls = TurnBatcher(self._run_all)
        self._loss_check: asyncio.Task[None] | None = None
        self._ownership = Ownership("RedisStore")

    @property
    def timeout_seconds(self) -> float:
        """The maximum duration of one call."""
        return self._timeout_seconds

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """See `RevocationStore.is_revoked`. One script reads the records for all checks of this turn.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
            Exception: the client failed; or a record is unreadable, and no other record denies.
        """
        named = (("token", jti), ("session", sid), ("subject", sub))
        keys = [self._keys.of(kind, identity) for kind, identity in named if identity]
        if not keys:
            return False
        records = await self._checks.submit(Check(keys, self._deadline()))
        return any_denies(records, issued_at, now)

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """See `RevocationStore.revoke`. One script, which merges it with an existing record.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
            Exception: the client failed, or an existing record is unreadable.
        """
        before = revocation.issued_before if revocation.kind == "subject" else None
        key, nonce = self._keys.of(revocation.kind, revocation.identity), new_nonce()

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

        The sealed pair has a separate key, which Redis removes when the grace ends, and the script
        when the successor is used. If the client repeats the script because the connection broke
        before the reply arrived, the nonce identifies the use, which is still the first one.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
            Exception: the client failed, or an existing record is unreadable.
        """
        keys, nonce = self._keys, new_nonce()
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
            Exception: the client failed, or the stored value is not a number.
        """
        nonce = new_nonce()
        reply = await self._run(RAISE, (self._keys.retention,), number_text(seconds), nonce)
        match values_of(reply, nonce):
            case [bytes() | str() as greatest]:
                return float(greatest)
        raise MismatchedReplyError

    async def purge(self, *, now: float) -> int:  # noqa: ARG002 - of the protocol
        """Do nothing and return 0: Redis removes each record `CLOCK_SPARE_SECONDS` after its end."""
        return 0

    async def aclose(self) -> None:
        """Close the connections to a URL; your own client stays open.

        Calls of cancelled callers are awaited first, for at most `timeout_seconds`.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
        """
        self._ownership.check()
        await self._checks.drain()
        await self._calls.drain()

        if self._loss_check is not None:
            self._loss_check.cancel()
            await asyncio.wait([self._loss_check])
        if self._owns_client:
            await self._client.aclose()

    async def __aenter__(self) -> Self:
        """Return the store itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the store."""
        await self.aclose()

    def _deadline(self) -> float:
        """Return the time by which a call that begins now must end, by the event loop's clock."""
        self._ownership.check()
        return asyncio.get_running_loop().time() + self._timeout_seconds

    async def _run(
        self, script: str, keys: Sequence[bytes], *arguments: bytes | str | int
    ) -> Reply:
        reply = await self._calls.submit(Call(script, keys, arguments, self._deadline()))
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _read_all(self, checks: Sequence[Check]) -> Sequence[Sequence[Record]]:
        return await read_records(checks, self._run_all)

    async def _run_all(self, calls: Sequence[Call]) -> Sequence[Reply]:
        replies = await self._scripts.run_all(calls)
        if self._loss_check is None:
            check = warn_of_losses(
                self._client, timeout_seconds=self._timeout_seconds, ephemeral=self._ephemeral
            )
            self._loss_check = asyncio.get_running_loop().create_task(check)
        return replies
