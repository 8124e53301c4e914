"""Revocations in Redis 7 or Valkey: for many processes and machines. Needs ``tokenward[redis]``.

Each record is one text under one key. What it says is judged by the time that the engine gives, as
in every store; the key's own time to live only makes Redis forget it.
"""

import asyncio
import base64
import hashlib
import math
import secrets
import warnings
from collections.abc import Sequence
from itertools import islice
from typing import Final, NoReturn, Self, TypeAlias

from tokenward.errors import ConfigurationError
from tokenward.revocation import Consumed, Consumption, Revocation
from tokenward.stores._batching import TurnBatcher
from tokenward.stores._redis_scripts import CONSUME, REVOKE

try:
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as RedisConnectionError
    from redis.exceptions import NoScriptError, RedisError
except ImportError as _absent:
    _MISSING = "RedisStore needs the redis package: pip install 'tokenward[redis]'"
    raise ImportError(_MISSING) from _absent

__all__ = ["RedisEvictionWarning", "RedisStore"]

# One letter each; a capital for identities that are hashed, so that they meet no others.
_LETTERS: Final = {"token": b"t", "session": b"s", "subject": b"u", "consumed": b"c"}
_LONGEST_NAME: Final = 512
# Clocks of machines differ: what one engine takes for over may still be alive for another.
_SPARE_MS: Final = 60_000
# Some 30,000 years; Redis adds the time of day and refuses what does not fit 64 bits then.
_LONGEST_LIFE_MS: Final = 10**15
_MAX_CONNECTIONS: Final = 50

# The SHA of a script, its key, its arguments.
_Call: TypeAlias = tuple[str, bytes, tuple[str | bytes | int, ...]]
# What the scripts answer: 1 for the first use, and what an earlier one sealed.
_Answer: TypeAlias = tuple[int, bytes | str]


class RedisEvictionWarning(UserWarning):
    """The server may drop revocations when its memory is full, and revoked tokens are good again."""


class RedisStore:
    """A `RevocationStore` in Redis 7 or Valkey.

    Checks of one turn of the event loop go as one MGET; revocations and uses of one turn as one
    pipeline of scripts, each of them atomic. So a burst takes a connection or two, not hundreds.

    ::

        store = RedisStore("redis://localhost:6379/0")

    On the first use it looks once, in the background, whether the server may evict records, and
    warns with `RedisEvictionWarning`; a server that does not tell (managed ones) is left alone.

    Not checked:

    - Redis Cluster is not supported, because a script touches keys of several slots. Replicas lag,
      so read from the primary.
    - Persistence is the server's: with ``appendfsync everysec`` a crash may lose the last second of
      revocations, and without a file a restart loses all of them.
    - Two prefixes of which one begins with the other may share keys.
    - A store belongs to one event loop, as the client does.
    """

    def __init__(
        self,
        url_or_client: str | Redis,
        *,
        key_prefix: str = "tokenward:",
        timeout_seconds: float = 0.5,
    ) -> None:
        """Take a server; nothing is sent yet.

        Args:
            url_or_client: the URL (``redis://``, ``rediss://``, ``unix://``) of a server, whose
                connections (at most 50) the store then opens and closes; or your own
                `redis.asyncio.Redis`, which `aclose` leaves open. Either value of its
                ``decode_responses`` will do.
            key_prefix: what all keys begin with.
            timeout_seconds: how long any one call may take.

        Raises:
            ConfigurationError: a value cannot be meant; the message says which.
        """
        if not isinstance(key_prefix, str) or not key_prefix:
            _refuse("key_prefix must be text that is not empty, as 'tokenward:'.")
        if type(timeout_seconds) not in {int, float} or not 0 < timeout_seconds < math.inf:
            _refuse("timeout_seconds must be a finite number above zero.")
        self._owns_client = isinstance(url_or_client, str)
        self._client = _client_of(url_or_client, timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self._prefix = key_prefix.encode("utf-8", "surrogatepass")
        self._revoke_sha = self._client.register_script(REVOKE).sha
        self._consume_sha = self._client.register_script(CONSUME).sha
        self._checks = TurnBatcher(self._read_all)
        self._calls = TurnBatcher(self._run_all)
        self._look: asyncio.Task[None] | None = None

    @property
    def timeout_seconds(self) -> float:
        """How long any one call may take."""
        return self._timeout_seconds

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """See `RevocationStore.is_revoked`. One MGET reads the records of all who ask in this turn.

        Raises:
            Exception: whatever the client raised, or a record is none.
        """
        named = (("token", jti), ("session", sid), ("subject", sub))
        keys = [self._key(kind, identity) for kind, identity in named if identity]
        if not keys:
            return False
        records = await self._checks.ask(keys)
        return any(_denies(record, issued_at, now) for record in records if record is not None)

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """See `RevocationStore.revoke`. One script, so that engines on two machines may meet.

        Raises:
            Exception: whatever the client raised.
        """
        before = revocation.issued_before if revocation.kind == "subject" else None
        await self._run(
            self._revoke_sha,
            self._key(revocation.kind, revocation.identity),
            _text(revocation.keep_until),
            _text(math.inf if before is None else before),
            _life_ms(revocation.keep_until, now),
        )

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """See `RevocationStore.consume`. One script.

        Where a client sends the script again because the connection broke before the answer came,
        the use is known by a number of its own and stays the first.

        Raises:
            Exception: whatever the client raised.
        """
        use, keep_until = secrets.token_hex(8), _text(consumption.keep_until)
        sealed = base64.b64encode(consumption.sealed).decode()
        record = f"{keep_until} {_text(consumption.grace_until)} {use} {sealed} ".encode()
        is_first, earlier = await self._run(
            self._consume_sha,
            self._key("consumed", consumption.jti),
            _text(now),
            use,
            record + self._key("consumed", consumption.successor),
            _life_ms(consumption.keep_until, now),
        )
        return Consumed(is_first=is_first == 1, sealed=base64.b64decode(earlier))

    async def purge(self, *, now: float) -> int:  # noqa: ARG002 - of the protocol
        """Do nothing and give 0: Redis forgets records by itself, about a minute after their end."""
        return 0

    async def aclose(self) -> None:
        """Close the connections that a URL opened; your own client stays open.

        What cancelled callers left under way is awaited before, for `timeout_seconds` at most.
        """
        await self._checks.drain()
        await self._calls.drain()
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait([self._look])
        if self._owns_client:
            await self._client.aclose()

    async def __aenter__(self) -> Self:
        """Give the store itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self.aclose()

    def _key(self, kind: str, identity: str) -> bytes:
        letter = _LETTERS[kind]
        # No token holds a lone surrogate, but a caller's text may: it is an identity like others.
        name = identity.encode("utf-8", "surrogatepass")
        if len(name) > _LONGEST_NAME:
            letter, name = letter.upper(), hashlib.sha256(name).hexdigest().encode()
        return b"%b%b:%b" % (self._prefix, letter, name)

    async def _read_all(
        self, questions: Sequence[Sequence[bytes]]
    ) -> Sequence[Sequence[bytes | str | None]]:
        # The callers' own bounds do not reach the batch, which outlives them.
        async with asyncio.timeout(self._timeout_seconds):
            records = await self._client.mget([key for keys in questions for key in keys])
            self._look_once()
        remaining = iter(records)
        return [list(islice(remaining, len(keys))) for keys in questions]

    async def _run(self, sha: str, key: bytes, *args: str | bytes | int) -> _Answer:
        answer = await self._calls.ask((sha, key, args))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _run_all(self, calls: Sequence[_Call]) -> Sequence[_Answer | Exception]:
        async with asyncio.timeout(self._timeout_seconds):
            answers = await self._send(calls)
            if any(isinstance(answer, NoScriptError) for answer in answers):
                # All of them once more: running a script twice is the same as once.
                for script in (REVOKE, CONSUME):
                    await self._client.script_load(script)
                answers = await self._send(calls)
            self._look_once()
        return answers

    async def _send(self, calls: Sequence[_Call]) -> list[_Answer | Exception]:
        async with self._client.pipeline(transaction=False) as pipe:
            for sha, key, args in calls:
                pipe.execute_command("EVALSHA", sha, 1, key, *args)
            answers: list[_Answer | Exception] = await pipe.execute(raise_on_error=False)
            return answers

    def _look_once(self) -> None:
        if self._look is None:
            self._look = asyncio.get_running_loop().create_task(self._warn_of_eviction())

    async def _warn_of_eviction(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                config = await self._client.config_get("maxmemory-policy", "maxmemory")
        except (RedisError, OSError):
            # Managed servers keep CONFIG to themselves. This is advice; no check depends on it.
            return
        policy = config.get("maxmemory-policy", "noeviction")
        if policy != "noeviction" and int(config.get("maxmemory") or 0):
            msg = (
                f"This Redis may evict revocations (maxmemory-policy {policy}): revoked tokens would "
                "be good again. Set maxmemory-policy to noeviction, or use a Redis that has it."
            )
            warnings.warn(msg, RedisEvictionWarning, stacklevel=1)


def _client_of(url_or_client: str | Redis, timeout_seconds: float) -> Redis:
    if isinstance(url_or_client, Redis):
        return url_or_client
    if not isinstance(url_or_client, str):
        _refuse("url_or_client must be a URL or a redis.asyncio.Redis, and no other client.")
    try:
        pool = BlockingConnectionPool.from_url(
            url_or_client,
            max_connections=_MAX_CONNECTIONS,
            timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            # Once more at once where a connection broke; what hangs is not asked again.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            # RESP3 brings nothing here, and redis-py 8 then lets unread data in a pool pass.
            protocol=2,
        )
    except ValueError as exc:
        msg = "The URL of Redis must begin with redis://, rediss:// or unix://, and be well formed."
        raise ConfigurationError(msg) from exc
    return Redis.from_pool(pool)


def _denies(record: bytes | str, issued_at: float | None, now: float) -> bool:
    keep_until, moment = map(float, record.split())
    return keep_until > now and (issued_at is None or issued_at < moment)


def _text(number: float) -> str:
    """Write a number so that it is read back exactly."""
    return repr(float(number))


def _life_ms(keep_until: float, now: float) -> int:
    """Tell how long Redis keeps a record, in ms; 0: for ever."""
    if keep_until == math.inf:
        return 0
    return min(math.ceil(max(keep_until - now, 0) * 1000) + _SPARE_MS, _LONGEST_LIFE_MS)


def _refuse(message: str) -> NoReturn:
    raise ConfigurationError(message)
