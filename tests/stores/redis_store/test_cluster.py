"""A RedisStore over a cluster: slots that move, nodes that fail, and batches that stay whole."""

import asyncio
import copy
import signal
from collections import Counter, deque
from uuid import uuid4

import pytest
from redis.asyncio import Connection
from redis.asyncio.cluster import ClusterNode
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.stores.redis_store.forms import CLUSTER, opened_store
from tests.stores.redis_store.servers import (
    Cluster,
    add_node,
    add_replicas,
    start_cluster,
    wait_until,
)
from tests.stores.redis_store.support import PATIENT, denies
from tests.support import IS_DEEP, NOW
from tokenward import Revocation
from tokenward.stores.redis import RedisStore
from tokenward.stores.redis.client import cluster_nodes
from tokenward.stores.redis.faults import UnconfirmedWriteError

TAGGED = "{tokenward}:"
"""A prefix by which all keys have one slot."""


slow_elections = pytest.mark.skipif(
    not IS_DEEP, reason="a busy machine elects too slowly; HYPOTHESIS_PROFILE=deep runs it"
)
PARTIAL = ("--cluster-require-full-coverage", "no")
"""By default a cluster refuses all calls while it has a slot without a node."""


def node_of(cluster: Cluster, store: RedisStore, key: bytes):
    """Return the node that has the slot of a key, as the store's client knows it."""
    port = store._client.get_node_from_key(key).port
    (node,) = [each for each in cluster.nodes if each.port == port]
    return node


async def replace_nodes(client, used=None):
    """Let the client of a cluster replace its nodes and close all but the one in use, as clients do."""
    manager = client.nodes_manager
    before = {**manager.nodes_cache}
    for name, node in before.items():
        manager.nodes_cache[name] = copy.copy(node)
        manager.nodes_cache[name]._connections, manager.nodes_cache[name]._free = [], deque()
    manager.slots_cache = {
        slot: [manager.nodes_cache[node.name] for node in nodes]
        for slot, nodes in manager.slots_cache.items()
    }
    for node in before.values():
        if node is not used:
            await node.disconnect()


def connections_of(client):
    """Return the connections that the client of a cluster has opened to its nodes."""
    nodes = {id(node): node for node in cluster_nodes(client)}
    return [each for node in nodes.values() for each in node._connections if each.is_connected]


async def revoke(store, jti):
    """Revoke a token."""
    await store.revoke(Revocation("token", jti, NOW + 60), now=NOW)


def in_turns(store, call, count):
    """Call a store many times at once, in several turns of the event loop."""

    async def one(number):
        for _ in range(number % 7):
            await asyncio.sleep(0)
        return await call(store, str(number))

    return asyncio.gather(*(one(number) for number in range(count)))


@pytest.mark.parametrize("form", CLUSTER)
async def test_a_check_asks_the_slots_of_its_three_records(request, form):
    """Each of the three denies alone, whichever node has it."""
    async with opened_store(form, request.getfixturevalue) as store:
        for number in range(20):
            named = {"jti": f"t{number}", "sid": f"s{number}", "sub": f"u{number}"}
            asked = {**named, "issued_at": NOW, "now": NOW}
            assert not await store.is_revoked(**asked)
            kind, identity = [
                ("token", named["jti"]),
                ("session", named["sid"]),
                ("subject", named["sub"]),
            ][number % 3]
            await store.revoke(Revocation(kind, identity, NOW + 60), now=NOW)
            assert await store.is_revoked(**asked)


async def test_the_checks_of_one_turn_are_one_script_for_each_slot(server):
    """A hundred checks of one subject ask each of their 101 keys once, or the subject's together."""
    cluster = start_cluster(server)
    async with RedisStore(cluster.url, timeout_seconds=PATIENT, ephemeral=True) as store:
        await in_turns(store, denies, 100)  # the nodes have the script from now on
        before = [calls(node) for node in cluster.nodes]
        answers = await asyncio.gather(
            *(
                store.is_revoked(jti=str(n), sid=None, sub="one", issued_at=NOW, now=NOW)
                for n in range(100)
            )
        )
        assert not any(answers)
        slots = {store._client.keyslot(f"tokenward:t:{n}".encode()) for n in range(100)}
        after = [calls(node) for node in cluster.nodes]
        assert sum(after) - sum(before) == len(slots) + 1


def calls(node):
    """Return how many scripts a node has run."""
    stats = str(node.run("INFO", "commandstats"))
    for line in stats.splitlines():
        if line.startswith("cmdstat_evalsha:"):
            return int(line.split("calls=")[1].split(",")[0])
    return 0


async def test_a_prefix_with_a_tag_keeps_one_script(server):
    """All keys have one slot, so that the checks of a turn are one script on one node."""
    cluster = start_cluster(server)
    async with RedisStore(
        cluster.url, key_prefix=TAGGED, timeout_seconds=PATIENT, ephemeral=True
    ) as store:
        await denies(store, "x")
        before = sum(calls(node) for node in cluster.nodes)
        await asyncio.gather(*(denies(store, str(number)) for number in range(100)))
        assert sum(calls(node) for node in cluster.nodes) == before + 1


def begin_to_move(cluster: Cluster, store: RedisStore, target=None):
    """Begin to move the slot of the tag to another node; return what ends it."""
    slot = store._client.keyslot(TAGGED.encode())
    source = node_of(cluster, store, TAGGED.encode())
    target = target or next(node for node in cluster.nodes if node is not source)
    name_of_source, name_of_target = (node.run("CLUSTER", "MYID") for node in (source, target))
    target.run("CLUSTER", "SETSLOT", slot, "IMPORTING", name_of_source)
    source.run("CLUSTER", "SETSLOT", slot, "MIGRATING", name_of_target)

    def finish():
        while keys := source.run("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.run("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for node in (target, source):
            node.run("CLUSTER", "SETSLOT", slot, "NODE", name_of_target)

    return finish


@pytest.mark.parametrize("wait_replicas", [0, 1])
async def test_a_slot_that_is_moved_causes_no_outage(server, wait_replicas):
    """Before, meanwhile and afterwards every call is answered, over several connections."""
    cluster = start_cluster(server)
    if wait_replicas:
        add_replicas(server, cluster)
    async with RedisStore(
        cluster.url,
        key_prefix=TAGGED,
        timeout_seconds=PATIENT,
        ephemeral=True,
        wait_replicas=wait_replicas,
    ) as store:
        await in_turns(store, revoke, 30)
        finish = begin_to_move(cluster, store)
        await in_turns(store, revoke, 60)
        # Some records are at the source and some at the target, and each check finds its own.
        for number in range(70):
            assert await denies(store, str(number)) == (number < 60)
        finish()
        await in_turns(store, revoke, 90)
        assert await in_turns(store, denies, 100) == [number < 90 for number in range(100)]


@pytest.mark.parametrize("is_in_asyncio", [False, True])
async def test_a_batch_whose_connection_another_one_has_closed_is_repeated(
    redis_cluster, monkeypatch, is_in_asyncio
):
    """A client closes the connections to a node that has moved, also those that are in use."""
    send, closed = Connection._send_packed_command, []

    async def send_too_late(connection, command):
        if len(closed) < 3:
            closed.append(connection)
            connection._writer.close()
            if is_in_asyncio:
                raise TypeError
            connection._reader = connection._writer = None
        await send(connection, command)

    async with RedisStore(
        redis_cluster.url, key_prefix=f"{uuid4().hex}:", timeout_seconds=PATIENT, ephemeral=True
    ) as store:
        await in_turns(store, revoke, 9)
        monkeypatch.setattr(Connection, "_send_packed_command", send_too_late)
        assert await in_turns(store, denies, 18) == [number < 9 for number in range(18)]
    assert len(closed) == 3


async def test_a_batch_that_cannot_be_sent_fails_its_callers(redis_cluster, monkeypatch):
    """Each of them, and none of the next batch."""

    async def fail(node, commands):
        raise RedisError

    async with RedisStore(
        redis_cluster.url, key_prefix=f"{uuid4().hex}:", timeout_seconds=PATIENT, ephemeral=True
    ) as store:
        await in_turns(store, revoke, 9)
        with monkeypatch.context() as patch:
            patch.setattr(ClusterNode, "execute_pipeline", fail)
            calls = (denies(store, str(number)) for number in range(9))
            answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(each) for each in answers} == {RedisError}
        assert all(await in_turns(store, denies, 9))


async def test_a_node_that_the_client_replaces_again_and_again_is_no_failure(
    redis_cluster, monkeypatch
):
    """The client closes the connections of each node that it replaces: more often than a node may fail."""
    send, left = ClusterNode.execute_pipeline, [None] * 6

    async def closed(node, commands):
        if left:
            left.pop()
            await replace_nodes(store._client)
            raise RedisConnectionError
        return await send(node, commands)

    async with RedisStore(
        redis_cluster.url, key_prefix=f"{uuid4().hex}:", timeout_seconds=PATIENT, ephemeral=True
    ) as store:
        await store.ping()
        await revoke(store, "1")
        monkeypatch.setattr(ClusterNode, "execute_pipeline", closed)
        assert await denies(store, "1")
    assert not left


async def test_a_batch_is_not_repeated_if_no_node_is_found(redis_cluster, monkeypatch):
    """The client asks for the nodes with one command, which the deadline ends."""

    async def disconnected(node, commands):
        raise RedisConnectionError

    async def late(*command):
        raise RedisTimeoutError

    async with RedisStore(
        redis_cluster.url, key_prefix=f"{uuid4().hex}:", timeout_seconds=PATIENT, ephemeral=True
    ) as store:
        await revoke(store, "1")
        with monkeypatch.context() as patch:
            patch.setattr(ClusterNode, "execute_pipeline", disconnected)
            patch.setattr(store._client, "execute_command", late)
            with pytest.raises(RedisConnectionError):
                await denies(store, "1")
        assert await denies(store, "1")


async def test_the_connections_to_a_node_that_was_replaced_are_closed(redis_cluster, monkeypatch):
    """The client has forgotten the node, and would leave them open."""
    send, connections = ClusterNode.execute_pipeline, []

    async def replaced(node, commands):
        is_sent = await send(node, commands)
        connections.extend(connections_of(store._client))
        await replace_nodes(store._client, node)
        return is_sent

    async with RedisStore(
        redis_cluster.url, key_prefix="{one}:", timeout_seconds=PATIENT, ephemeral=True
    ) as store:
        # The nodes were asked whether they may lose records, so nothing else uses them.
        await store.ping()
        monkeypatch.setattr(ClusterNode, "execute_pipeline", replaced)
        for number in range(9):
            assert not await denies(store, str(number))
        assert len(connections) >= 9
        assert not any(each.is_connected for each in connections)


async def test_connections_are_kept_and_closed_after_the_nodes_were_fetched_again(
    redis_cluster, monkeypatch
):
    """Before redis-py 8, the client then knows a node by its slots that it does not know by its name."""
    connect, made = Connection.connect, []

    async def counted(connection):
        made.append(connection)
        await connect(connection)

    async with RedisStore(
        redis_cluster.url, key_prefix=f"{uuid4().hex}:", timeout_seconds=PATIENT, ephemeral=True
    ) as store:
        await store.ping()
        await revoke(store, "1")
        await store._client.nodes_manager.initialize()
        for each in range(9):
            assert not await denies(store, f"x{each}")
        monkeypatch.setattr(Connection, "connect", counted)
        for each in range(9):
            assert not await denies(store, f"x{each}")
        assert made == []
        # As the sender does when a batch has failed.
        await asyncio.gather(*(store._client.exists(f"x{each}") for each in range(30)))
        connections = connections_of(store._client)
        assert len(connections) > 3
    assert not any(each.is_connected for each in connections)


@slow_elections
async def test_many_moved_slots_are_found_again(server):
    """A node that has given all its slots away redirects, and every call is answered."""
    cluster = start_cluster(server)
    async with RedisStore(cluster.url, timeout_seconds=PATIENT, ephemeral=True) as store:
        await in_turns(store, revoke, 100)
        replicas = add_replicas(server, cluster)
        replicas[0].run("CLUSTER", "FAILOVER", "TAKEOVER")
        wait_until(lambda: cluster.nodes[0].says("replication", "role:slave"))
        for node in cluster.nodes:
            wait_until(lambda one=node: str(one.run("CLUSTER", "NODES")).count("slave ") == 3)
        await in_turns(store, revoke, 200)
        assert await in_turns(store, denies, 210) == [number < 200 for number in range(210)]


@slow_elections
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "hangs"])
async def test_the_failure_of_a_node_affects_its_slots_alone(server, number):
    """Calls for other nodes are answered; the replica takes over, and then all are again."""
    cluster = start_cluster(server, *PARTIAL)
    replicas = add_replicas(server, cluster, *PARTIAL)
    async with RedisStore(cluster.url, timeout_seconds=4, ephemeral=True) as store:
        await in_turns(store, revoke, 60)
        for replica in replicas:
            wait_until(lambda one=replica: one.says("replication", "master_link_status:up"))
        cluster.nodes[0].send(number)

        async def outcome(store, jti):
            try:
                return await denies(store, jti)
            except Exception:  # noqa: BLE001 - an outage
                return None

        outcomes = Counter(await in_turns(store, outcome, 60))
        assert outcomes[True] > 20
        assert outcomes[False] == 0
        async with asyncio.timeout(PATIENT):
            while None in await in_turns(store, outcome, 60):
                pass
        assert await in_turns(store, denies, 70) == [jti < 60 for jti in range(70)]


async def test_a_node_that_hangs_fails_the_calls_for_its_slots_alone(server):
    """Without a replica nobody takes over; when it answers again, all calls are answered."""
    cluster = start_cluster(server, *PARTIAL)
    async with RedisStore(cluster.url, timeout_seconds=2, ephemeral=True) as store:
        await in_turns(store, revoke, 30)
        cluster.nodes[0].send(signal.SIGSTOP)
        jtis = [str(number) for number in range(30)]
        outcomes = await asyncio.gather(
            *(denies(store, jti) for jti in jtis), return_exceptions=True
        )
        for jti, denied in zip(jtis, outcomes, strict=True):
            key = f"tokenward:t:{jti}".encode()
            if node_of(cluster, store, key) is cluster.nodes[0]:
                assert isinstance(denied, Exception)
            else:
                assert denied is True
        cluster.nodes[0].send(signal.SIGCONT)
        wait_until(lambda: cluster.nodes[0].run("PING"))
        assert await in_turns(store, denies, 40) == [number < 30 for number in range(40)]


async def test_each_node_waits_for_its_own_replicas(server):
    """A replica that is missing fails the writes of its primary, and no others."""
    cluster = start_cluster(server)
    replicas = add_replicas(server, cluster)
    async with RedisStore(cluster.url, timeout_seconds=3, ephemeral=True, wait_replicas=1) as store:
        await in_turns(store, revoke, 30)
        replicas[0].send(signal.SIGSTOP)
        jtis = [str(number) for number in range(60)]
        replies = await asyncio.gather(
            *(revoke(store, jti) for jti in jtis), return_exceptions=True
        )
        for jti, reply in zip(jtis, replies, strict=True):
            key = f"tokenward:t:{jti}".encode()
            is_first = node_of(cluster, store, key) is cluster.nodes[0]
            assert isinstance(reply, UnconfirmedWriteError) == is_first
        replicas[0].send(signal.SIGCONT)


async def test_a_slot_that_is_moved_to_an_unknown_node_is_an_outage_until_it_is_there(server):
    """Clients learn of a node when it has its first slot."""
    cluster = start_cluster(server)
    async with RedisStore(
        cluster.url, key_prefix=TAGGED, timeout_seconds=PATIENT, ephemeral=True
    ) as store:
        await revoke(store, "x")
        finish = begin_to_move(cluster, store, add_node(server, cluster))
        assert await denies(store, "x")
        with pytest.raises(Exception, match="127"):
            await denies(store, "y")
        finish()
        assert await denies(store, "x")
        assert not await denies(store, "y")


async def test_a_slot_without_a_node_fails_its_own_calls(server):
    """The calls for other slots are answered, and the slot's own when a node has it again."""
    cluster = start_cluster(server, *PARTIAL)
    slot = 42
    for node in cluster.nodes:
        node.run("CLUSTER", "DELSLOTS", slot)
    wait_until(
        lambda: "cluster_slots_assigned:16383" in str(cluster.nodes[0].run("CLUSTER", "INFO"))
    )
    async with RedisStore(cluster.url, timeout_seconds=PATIENT, ephemeral=True) as store:
        keyslot = store._client.keyslot
        in_slot = next(n for n in range(200_000) if keyslot(f"tokenward:t:{n}".encode()) == slot)
        await in_turns(store, revoke, 30)
        with pytest.raises(Exception, match=rf"[Ss]lot.*{slot}|served"):
            await denies(store, str(in_slot))
        cluster.nodes[0].run("CLUSTER", "ADDSLOTS", slot)
        assert not await denies(store, str(in_slot))
        assert await in_turns(store, denies, 40) == [number < 30 for number in range(40)]
