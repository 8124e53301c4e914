"""`RedisStore.ping` and the first use: a server that cannot hold revocations says why."""

import warnings

import pytest
import redis.asyncio

from tests.stores.redis_store.servers import start_cluster
from tests.stores.redis_store.support import PATIENT, background, denies
from tests.support import NOW
from tokenward import ConfigurationError, Revocation
from tokenward.stores.redis import (
    RedisEvictionWarning,
    RedisPersistenceWarning,
    RedisReplicaWarning,
    RedisStore,
)
from tokenward.stores.redis.faults import ClusterNodeError, ReplicaError


async def test_a_node_of_a_cluster_is_not_a_single_server(redis_cluster):
    """Ping names the URL to use, and so does the error of a call."""
    url = redis_cluster.nodes[0].url
    async with RedisStore(url, timeout_seconds=PATIENT, ephemeral=True) as store:
        with pytest.raises(ConfigurationError, match=r"node of a cluster.*redis\+cluster://"):
            await store.ping()
        for number in range(20):
            with pytest.raises(ClusterNodeError, match=r"redis\+cluster://"):
                await store.is_revoked(jti=str(number), sid="a", sub="b", issued_at=NOW, now=NOW)


async def test_a_replica_is_not_a_master(server):
    """Ping and a refused write name the fix; a check works, and the first one warns."""
    own = server()
    replica = server.replica(own.port)
    async with RedisStore(replica.url, timeout_seconds=PATIENT, ephemeral=True) as store:

        async def check():
            await denies(store, "x")
            await background()

        with pytest.warns(RedisReplicaWarning, match="replica") as warned:
            await check()
        assert len(warned) == 1
        with pytest.raises(ConfigurationError, match=r"replica.*redis\+sentinel://"):
            await store.ping()
        with pytest.raises(ReplicaError, match=r"replica.*redis\+sentinel://"):
            await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)


@pytest.mark.parametrize(
    ("form", "fix"),
    [
        ("redis+cluster://{0}", "not a node of a cluster.*redis://"),
        ("redis+sentinel://{0}/service", "not a Sentinel.*26379"),
    ],
    ids=["cluster", "Sentinels"],
)
async def test_a_single_server_is_neither_a_cluster_nor_a_sentinel(server, form, fix):
    """Ping names the URL to use."""
    url = form.format(server().url.removeprefix("redis://").rpartition("/")[0])
    async with RedisStore(url, timeout_seconds=PATIENT, ephemeral=True) as store:
        with pytest.raises(ConfigurationError, match=fix):
            await store.ping()


async def test_the_master_behind_the_sentinels_is_no_replica(redis_sentinels):
    """Ping asks the server that the Sentinels name."""
    async with RedisStore(
        redis_sentinels.url, timeout_seconds=PATIENT, ephemeral=True, wait_replicas=1
    ) as store:
        await store.ping()


@pytest.mark.parametrize("options", [("INFO",), ("CONFIG",), ("INFO", "CONFIG")])
async def test_a_server_that_hides_what_it_is_is_not_checked(server, options):
    """Managed servers refuse some commands, and ping does not need them."""
    renamed = [part for name in options for part in ("--rename-command", name, "")]
    own = server(*renamed)
    async with RedisStore(own.url, timeout_seconds=PATIENT, ephemeral=True) as store:
        await store.ping()


async def test_a_client_that_does_not_parse_replies_is_not_checked(redis_url):
    """Your own client may have other callbacks."""
    async with redis.asyncio.Redis.from_url(redis_url, protocol=2) as client:
        client.response_callbacks.clear()
        async with RedisStore(client, timeout_seconds=PATIENT) as store:
            await store.ping()


async def test_ping_warns_before_the_first_request(server):
    """It waits for the warnings, which come once."""
    own = server("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    async with RedisStore(own.url, timeout_seconds=PATIENT) as store:
        with pytest.warns() as warned:
            await store.ping()
        with warnings.catch_warnings(record=True) as again:
            warnings.simplefilter("always")
            await store.ping()
    assert {each.category for each in warned} == {RedisEvictionWarning, RedisPersistenceWarning}
    assert (len(warned), again) == (2, [])


async def test_ping_asks_every_primary_of_a_cluster(server):
    """One that may evict is enough for the warning, and two cause no second one."""
    cluster = start_cluster(server)
    async with RedisStore(cluster.url, timeout_seconds=PATIENT, ephemeral=True) as store:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            await store.ping()
        assert warned == []
    for node in cluster.nodes[1:]:
        node.run("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
    host, port = "127.0.0.1", cluster.nodes[0].port
    async with (
        redis.asyncio.RedisCluster(host=host, port=port, decode_responses=True) as client,
        RedisStore(client, timeout_seconds=PATIENT, ephemeral=True) as store,
    ):
        with pytest.warns(RedisEvictionWarning, match="allkeys-lru") as warned:
            await store.ping()
        assert len(warned) == 1
