"""What a fail-over to a replica that lags loses, and that `wait_replicas` prevents it."""

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

from tests.stores.redis_store.servers import wait_until
from tests.stores.redis_store.support import calls_of, denies, proxy_that_loses_a_reply
from tests.support import NOW, engine_with
from tokenward import Revocation, StoreUnavailableError, TokenPolicy
from tokenward.stores import Consumption
from tokenward.stores.redis import RedisStore
from tokenward.stores.redis.faults import UnconfirmedWriteError

EACH = 50


class Link:
    """The connection of a replica to its master, which can be held: nothing passes any more."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._passes = asyncio.Event()
        self._passes.set()
        self._carrying: set[asyncio.Task[None]] = set()

    async def accept(self, reader, writer):
        task = asyncio.current_task()
        self._carrying.add(task)
        writers = [writer]
        # The master may have died, and the link may be closed.
        with suppress(OSError, asyncio.CancelledError):
            from_master, to_master = await asyncio.open_connection("127.0.0.1", self._port)
            writers.append(to_master)
            await asyncio.gather(self._carry(from_master, writer), self._carry(reader, to_master))
        for each in writers:
            each.transport.abort()
        self._carrying.discard(task)

    async def _carry(self, reader, writer):
        while data := await reader.read(65_536):
            await self._passes.wait()
            writer.write(data)

    def hold(self):
        self._passes.clear()

    async def close(self):
        for each in self._carrying:
            each.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)


@asynccontextmanager
async def master_and_replica(server):
    """Yield a master, its replica, and the link between them."""
    master = server()
    link = Link(master.port)
    async with await asyncio.start_server(link.accept, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        replica = await asyncio.to_thread(server.replica, port)
        yield master, replica, link
        await link.close()


async def revoke_all(store, name):
    """Revoke tokens at the same time; return those whose revocation was acknowledged, and errors."""
    jtis = [f"{name} {number}" for number in range(EACH)]
    calls = (store.revoke(Revocation("token", jti, NOW + 60), now=NOW) for jti in jtis)
    replies = await asyncio.gather(*calls, return_exceptions=True)
    acknowledged = [jti for jti, reply in zip(jtis, replies, strict=True) if reply is None]
    return acknowledged, [reply for reply in replies if reply is not None]


async def fail_over(master, replica, link):
    """Kill the master and promote the replica."""
    master.kill()
    await link.close()
    replica.run("REPLICAOF", "NO", "ONE")
    wait_until(lambda: replica.says("replication", "role:master"))


@pytest.mark.parametrize("wait_replicas", [0, 1])
async def test_a_failover_to_a_replica_that_lags(server, wait_replicas):
    """Revocations that were acknowledged meanwhile are lost; with `wait_replicas` none was."""
    async with master_and_replica(server) as (master, replica, link):
        async with RedisStore(
            master.url, timeout_seconds=3, ephemeral=True, wait_replicas=wait_replicas
        ) as store:
            early, errors = await revoke_all(store, "early")
            assert (len(early), errors) == (EACH, [])
            await asyncio.to_thread(wait_until, lambda: replica.run("DBSIZE") == EACH)
            link.hold()
            late, errors = await revoke_all(store, "late")

        await fail_over(master, replica, link)
        async with RedisStore(replica.url, timeout_seconds=3, ephemeral=True) as store:
            lost = [jti for jti in (*early, *late) if not await denies(store, jti)]

    if wait_replicas:
        assert (late, lost) == ([], [])
        assert {type(error) for error in errors} == {UnconfirmedWriteError}
        assert "only 0 of 1 replicas" in str(errors[0])
    else:
        assert (len(late), errors) == (EACH, [])
        assert lost == late


@pytest.mark.parametrize("wait_replicas", [0, 1])
async def test_a_refresh_before_a_failover_to_a_replica_that_lags(server, clock, wait_replicas):
    """The lost use lets a refresh token be used twice; with `wait_replicas` the first was refused."""
    policy = TokenPolicy(reuse_grace=timedelta(0))
    async with master_and_replica(server) as (master, replica, link):
        async with RedisStore(
            master.url, timeout_seconds=3, ephemeral=True, wait_replicas=wait_replicas
        ) as store:
            engine = engine_with(clock, policy=policy, store=store)
            token = (await engine.issue_pair("alice")).refresh_token
            link.hold()
            if wait_replicas:
                with pytest.raises(StoreUnavailableError):
                    await engine.refresh(token)
            else:
                await engine.refresh(token)

        await fail_over(master, replica, link)
        async with RedisStore(replica.url, timeout_seconds=3, ephemeral=True) as store:
            assert await engine_with(clock, policy=policy, store=store).refresh(token)


async def test_a_use_whose_reply_was_lost_waits_for_the_replica_again(server):
    """The client repeats it on a connection that has written nothing, for which WAIT waits not."""
    async with master_and_replica(server) as (master, replica, link):
        async with RedisStore(master.url, timeout_seconds=3, ephemeral=True) as store:
            # The server has the script from now on, and the first reply is that of a use.
            await store.consume(Consumption("s", "w", "x", b"", NOW, NOW + 60), now=NOW)
        await asyncio.to_thread(wait_until, lambda: replica.run("DBSIZE") == 1)
        async with (
            proxy_that_loses_a_reply(master.url, link.hold) as url,
            RedisStore(url, timeout_seconds=3, ephemeral=True, wait_replicas=1) as store,
        ):
            use = Consumption("s", "x", "y", b"", NOW, NOW + 60)
            with pytest.raises(UnconfirmedWriteError):
                await store.consume(use, now=NOW)
        # Written three times, the last time by the repetition: Redis 7.2 waits for own writes only.
        assert await calls_of(master.url, "set") == [3]


async def test_checks_do_not_wait_for_replicas(server):
    """A replica that does not answer affects writes alone."""
    own = server()
    async with RedisStore(own.url, timeout_seconds=1, ephemeral=True, wait_replicas=1) as store:
        assert not await denies(store, "x")
        with pytest.raises(UnconfirmedWriteError):
            await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
        # Stored nevertheless: the caller was told that it may be lost, not that it was refused.
        assert await denies(store, "x")


async def test_a_server_that_does_not_know_wait_is_an_outage(server):
    """Nothing is acknowledged that was not confirmed."""
    own = server("--rename-command", "WAIT", "")
    async with RedisStore(own.url, timeout_seconds=1, ephemeral=True, wait_replicas=1) as store:
        with pytest.raises(Exception, match="unknown command 'WAIT'"):
            await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
