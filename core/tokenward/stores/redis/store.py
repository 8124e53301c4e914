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
from tokenward.stores.outages import unavailable_if_it_fails
from tokenward.stores.ownership import Ownership
from tokenward.stores.protocol import RECENT_USES, Consumed, Consumption, Revocation
from tokenward.stores.recent_uses import mark_of
from tokenward.stores.redis.arguments import check_arguments, client_of
from tokenward.stores.redis.client import ClusterClient, RedisClient
from tokenward.stores.redis.faults import configuration_error_if_of_another_kind
from tokenward.stores.redis.feed import RedisFeed, feed_entry
from tokenward.stores.redis.lookups import Check, new_nonce, read_records
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
from tokenward.stores.redis.server_checks import ServerChecks
from tokenward.stores.redis.session_records_method import SessionRecordsMethod

__all__ = ["RedisStore"]


class RedisStore(SessionRecordsMethod):
    """A `RevocationStore` in Redis 7 or Valkey: one server, a master that Sentinels watch, or a cluster.

    All checks of one turn of the event loop are one script; all revocations and uses of one turn are
    one pipeline of scripts, each of them atomic. A burst takes one or two connections, not hundreds.
    In a cluster, a script is for the keys of one slot, and a pipeline for one node: the records of a
    check are read by up to three scripts at the same time. They only become stricter, and one that
    denies is enough, so the answer is one that a single moment would give.

    ::

        store = RedisStore("redis://localhost:6379/0")
        store = RedisStore("redis+sentinel://one:26379,two:26379,three:26379/service/0")
        store = RedisStore("redis+cluster://one:6379,two:6379,three:6379")
        store = RedisStore(Sentinel([("one", 26379)]).master_for("service"))  # your own client

    On first use it checks once, in the background, whether the server may lose records. It warns with
    `RedisEvictionWarning` if the server may evict them, with `RedisPersistenceWarning` if it stores
    nothing on disk, and with `RedisReplicaWarning` if it is a replica. A server that hides its
    settings, as managed servers do, is not checked.

    If a key of the store has another type or an unreadable text, the calls that need it fail: such a
    call is an outage, never "not revoked".

    Not checked:

    - Replicas lag: a fail-over may lose the latest writes. `wait_replicas` prevents that.
    - Persistence depends on the server: with ``appendfsync everysec`` a crash may lose the last
      second of revocations, and with snapshots only the last minutes.
    - Two prefixes of which one begins with the other may share keys.
    """

    def __init__(
        self,
        url_or_client: str | RedisClient,
        *,
        key_prefix: str = "tokenward:",
        timeout_seconds: float = 0.5,
        ephemeral: bool = False,
        wait_replicas: int = 0,
    ) -> None:
        """Use a server; nothing is sent yet.

        Args:
            url_or_client: a URL, from which the store opens at most 50 connections, and closes them:
                ``redis://``, ``rediss://`` (with TLS) or ``unix://`` for a server,
                ``redis+sentinel://`` for the Sentinels that watch it, ``redis+cluster://`` for nodes
                of a cluster (the last two also with ``rediss``). Or your own asynchronous client of
                redis-py or valkey-py, with any ``decode_responses``, which `aclose` leaves open:
                ``Redis``, ``RedisCluster`` or the result of ``Sentinel.master_for``.
            key_prefix: the beginning of all keys.
            timeout_seconds: the maximum duration of one call. A call that has not been sent by then
                is not sent at all.
            ephemeral: you accept that a restart of the server makes revoked tokens valid again;
                turns `RedisPersistenceWarning` off.
            wait_replicas: how many replicas must confirm a revocation or a use before the call
                returns, so that a fail-over to one of them does not lose it. If fewer confirm it in
                about half of `timeout_seconds`, the call fails.

        Raises:
            ConfigurationError: an argument is invalid. The message names it, and repeats no part of
                a URL.
        """
        check_arguments(key_prefix, timeout_seconds, wait_replicas)
        self._client, self._closers = client_of(url_or_client, timeout_seconds)
        self._timeout_seconds = timeout_seconds

        self._keys = Keys(key_prefix.encode("utf-8", "surrogatepass"))
        self._feed_keys = () if isinstance(self._client, ClusterClient) else self._keys.feed
        self._scripts = ScriptRunner(self._client, wait_replicas=wait_replicas)
        slot_of = self._scripts.slot_of
        if slot_of is not None and len({*map(slot_of, self._keys.of_uses("x"))}) > 1:
            refuse("key_prefix must not contain empty braces: in a cluster, they undo hash tags.")
        self._checks = TurnBatcher(self._read_all)
        self._calls = TurnBatcher(self._run_all)
        self._servers = ServerChecks(
            self._client, timeout_seconds=timeout_seconds, ephemeral=ephemeral
        )
        self._ownership = Ownership("RedisStore")

    @property
    def timeout_seconds(self) -> float:
        """The maximum duration of one call."""
        return self._timeout_seconds

    @property
    def needs_purge(self) -> bool:
        """False: Redis removes expired records."""
        return False

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
            (key, *self._feed_keys),
            number_text(revocation.keep_until),
            number_text(math.inf if before is None else before),
            life_ms(revocation.keep_until, now),
            nonce,
            feed_entry(revocation.kind, revocation.identity),
        )
        values_of(reply, nonce)

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """See `RevocationStore.consume`. One script.

        The sealed pair has a separate key, which Redis removes when the grace ends, and the script
        when the successor is used. The script also reads the record of the token that an earlier
        version has written. If the client repeats the script because the connection broke
        before the reply arrived, the nonce identifies the use, which is still the first one.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
            Exception: the client failed, or an existing record is unreadable.
        """
        nonce = new_nonce()
        grace_ms = math.ceil((consumption.grace_until - now) * 1000)
        sealed = base64.b64encode(consumption.sealed).decode() if grace_ms > 0 else ""
        keys = self._keys.of_consumption(consumption)
        reply = await self._run(
            CONSUME,
            keys if self._scripts.slot_of is None else keys[:2],
            number_text(now),
            nonce,
            number_text(consumption.keep_until),
            life_ms(consumption.keep_until, now),
            mark_of(consumption.jti),
            mark_of(consumption.successor),
            number_text(consumption.grace_until),
            RECENT_USES,
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

    async def ping(self) -> None:
        """See `RevocationStore.ping`. A script that reads: PING does not need the same rights.

        It also finds out whether the server is a replica or a node of a cluster, and warns, once,
        if the servers may lose records. A server that hides that is not checked.

        Raises:
            StoreUnavailableError: the server failed, did not answer in time, or has fewer replicas
                than `wait_replicas`.
            ConfigurationError: the server is a replica, or not what the client was made for (a server,
                a cluster, Sentinels); or the store was used before a fork, or in another event loop.
        """
        with unavailable_if_it_fails("RedisStore"), configuration_error_if_of_another_kind():
            async with asyncio.timeout_at(self._deadline()):
                await self._servers.check_role()
                await self.raise_retention(0)
                await asyncio.wait([self._servers.warn_once()])

    def feed(self, seconds: float) -> RedisFeed:
        """See `FollowedStore.feed`. While somebody reads it, revocations are also added to a stream.

        Raises:
            ConfigurationError: the store is in a cluster.
        """
        return RedisFeed(self._client, self._keys, seconds, self._timeout_seconds)

    async def aclose(self) -> None:
        """Close the connections to a URL; your own client stays open.

        Calls of cancelled callers are awaited first, for at most `timeout_seconds`.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
        """
        self._ownership.check()
        await self._checks.drain()
        await self._calls.drain()

        await self._servers.stop()
        for close in self._closers:
            await close()

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
        return await read_records(checks, self._run_all, self._scripts.slot_of)

    async def _run_all(self, calls: Sequence[Call]) -> Sequence[Reply]:
        replies = await self._scripts.run_all(calls)
        self._servers.warn_once()
        return replies
