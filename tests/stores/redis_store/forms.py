"""The forms of Redis, each with a store over it: by URL, or with a user's client."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import redis.asyncio
import valkey.asyncio

from tests.stores.redis_store.servers import SERVICE
from tests.stores.redis_store.support import PATIENT, keys_with
from tokenward.stores.redis import RedisStore
from tokenward.stores.redis.client import cluster_nodes

SINGLE = ("url", "client", "client that decodes", "RESP2", "tls url", "tls client", "valkey")
SENTINEL = ("sentinel url", "sentinel client", "sentinel valkey")
CLUSTER = ("cluster url", "cluster client", "cluster client that decodes", "cluster valkey")
FORMS = (*SINGLE, *SENTINEL, *CLUSTER)


@asynccontextmanager
async def opened_store(
    form: str, fixture: Callable[[str], Any], **options: Any
) -> AsyncIterator[RedisStore]:
    """Yield an empty store over a form of Redis, with a long timeout for slow machines."""
    prefix = f"tokenward-test-{uuid4().hex}:"
    settings = {"key_prefix": prefix, "timeout_seconds": PATIENT, "ephemeral": True} | options
    async with opened_form(form, fixture) as opened, RedisStore(opened, **settings) as store:
        yield store
        if keys := await keys_with(store._client, prefix):
            await store._client.unlink(*keys)


@asynccontextmanager
async def opened_form(form: str, fixture: Callable[[str], Any]) -> AsyncIterator[Any]:
    """Yield the URL, or an open client, of a form; its servers are started if they are needed."""
    topology = form.partition(" ")[0]
    library = valkey.asyncio if "valkey" in form else redis.asyncio
    place = fixture(PLACES.get(topology, "redis_url"))
    url = place if isinstance(place, str) else place.url

    if "url" in form:
        yield url
    elif topology == "sentinel":
        nodes = [("127.0.0.1", each.port) for each in place.sentinels]
        sentinel = library.Sentinel(nodes)
        async with sentinel.master_for(SERVICE) as client:
            yield client
        for each in sentinel.sentinels:
            await each.aclose()
    elif topology == "cluster":
        kind = "ValkeyCluster" if "valkey" in form else "RedisCluster"
        node = {"host": "127.0.0.1", "port": place.nodes[0].port}
        async with getattr(library, kind)(**node, decode_responses="decodes" in form) as client:
            yield client
        # Before redis-py 8, a client closes only some of its connections.
        for node in cluster_nodes(client):
            await node.disconnect()
    else:
        options = {"protocol": 2} if "RESP2" in form else {}
        decodes = "decodes" in form
        async with library.from_url(url, decode_responses=decodes, **options) as client:
            yield client


PLACES = {
    "cluster": "redis_cluster",
    "sentinel": "redis_sentinels",
    "tls": "redis_tls_url",
}
