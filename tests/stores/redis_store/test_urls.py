"""Which Redis URLs are accepted, and that no error repeats any part of a URL."""

import traceback
import warnings

import pytest
from redis.asyncio import Redis

from tests.stores.redis_store.support import PATIENT, denies
from tests.support import NOW, everything_of
from tokenward import ConfigurationError, Revocation
from tokenward.stores.redis import RedisStore

SECRET = "hunter2"
WRONG = {
    "no scheme": f"{SECRET}@localhost:6379",
    "no slashes": f"redis:{SECRET}@localhost",
    "another scheme": f"http://:{SECRET}@localhost",
    "a scheme in capitals": f"REDIS://:{SECRET}@localhost",
    "empty": "",
    "a port that is no number": f"redis://u:{SECRET}@localhost:port/0",
    "a port above 65535": f"redis://u:{SECRET}@localhost:70000/0",
    "a port of zero": f"redis://u:{SECRET}@localhost:0/0",
    "no host after the password": f"redis://u:{SECRET}",
    "a database that is no number": f"redis://u:{SECRET}@localhost/many",
    "a database in the options that is no number": f"redis://u:{SECRET}@localhost?db=many",
    "a path of two parts": f"redis://u:{SECRET}@localhost/0/1",
    "a slash in the password": f"redis://u:12/{SECRET}@localhost/0",
    "a question mark in the password": f"redis://u:12?{SECRET}@localhost/0",
    "an option in the password": f"redis://u:12?{SECRET}=x@localhost/0",
    "a hash in the password": f"redis://u:12#{SECRET}@localhost/0",
    "a bracket in the password": f"redis://u:[{SECRET}@localhost/0",
    "brackets that hold no address": f"redis://u:{SECRET}@[local]/0",
    "a letter that NFKC turns into a slash": f"redis://u:\u2100{SECRET}@localhost/0",
    "a space": f"redis://u:{SECRET} @localhost/0",
    "a space before": f" redis://u:{SECRET}@localhost/0",
    "a line break": f"redis://u:{SECRET}@localhost/0\n",
    "an at sign and a colon that are escaped": f"redis://u%3A{SECRET}%40localhost/0",
    "an escape in the host": f"redis://{SECRET}%20x@local%20host/0",
    "an unknown option": f"redis://u:{SECRET}@localhost?colour=blue",
    "an option of the client alone": f"redis://u:{SECRET}@localhost?retry={SECRET}",
    "an option without value": f"redis://u:{SECRET}@localhost?db",
    "an option twice": f"redis://u:{SECRET}@localhost?password={SECRET}&password=x",
    "an option of TLS without TLS": f"redis://u:{SECRET}@localhost?ssl_ca_certs={SECRET}",
    "certificates that are checked in no known way": (
        f"rediss://u:{SECRET}@localhost?ssl_cert_reqs={SECRET}"
    ),
    "no connections": f"redis://u:{SECRET}@localhost?max_connections=-1",
    "a fragment": f"redis://u:{SECRET}@localhost/0#x",
    "a socket without a path": f"unix://u:{SECRET}@localhost",
    "a socket with a slash in the password": f"unix://u:1/{SECRET}@/run/redis.sock",
    "Sentinels without a service": f"redis+sentinel://u:{SECRET}@a:1,b:2",
    "Sentinels with an empty service": f"redis+sentinel://u:{SECRET}@a:1,b:2//0",
    "a Sentinel without a host": f"redis+sentinel://u:{SECRET}@a:1,:2/shop",
    "a Sentinel's database that is no number": f"redis+sentinel://u:{SECRET}@a/shop/many",
    "a Sentinel's database in the options": f"redis+sentinel://u:{SECRET}@a/shop?db=1",
    "a Sentinel with an unusable option": f"redis+sentinel://u:{SECRET}@a/shop?socket_timeout=x",
    "a Sentinel with an option of TLS alone": f"redis+sentinel://{SECRET}@a/shop?ssl_certfile=x",
    "Sentinels that are checked in no known way": (
        f"rediss+sentinel://u:{SECRET}@a/shop?ssl_cert_reqs={SECRET}"
    ),
    "a cluster with a database": f"redis+cluster://u:{SECRET}@a:1,b:2/1",
    "a cluster without a host": f"redis+cluster://u:{SECRET}@",
    "a cluster with a port above 65535": f"redis+cluster://u:{SECRET}@a:70000",
    "a cluster with a limit of connections": f"redis+cluster://u:{SECRET}@a?max_connections=5",
    "a cluster with a slash in the password": f"redis+cluster://u:1/{SECRET}@a:1",
    "a cluster with an option of TLS without TLS": (
        f"redis+cluster://u:{SECRET}@a?ssl_ca_certs={SECRET}"
    ),
    "a cluster that is checked in no known way": (
        f"rediss+cluster://u:{SECRET}@a?ssl_cert_reqs={SECRET}"
    ),
    "another combination": f"unix+cluster://u:{SECRET}@/run/redis.sock",
}


@pytest.mark.parametrize("url", WRONG.values(), ids=WRONG)
def test_a_wrong_url_is_refused_and_not_repeated(url):
    """Not in the message, the cause, the hidden context, the traceback or a warning."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(ConfigurationError, match="URL of Redis") as raised:
            RedisStore(url)
    assert warned == []
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert SECRET not in everything_of(raised.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", {"host": "localhost"}),
        ("redis://", {}),
        ("redis://[::1]:6380/2", {"host": "::1", "port": 6380, "db": 2}),
        ("redis://u:p%40%2F%3F@h", {"username": "u", "password": "p@/?", "host": "h"}),
        ("redis://:a@b@h/1", {"password": "a@b", "host": "h", "db": 1}),
        ("rediss://h?ssl_cert_reqs=none&socket_timeout=2", {"host": "h", "socket_timeout": 2}),
        ("unix://u:p@/run/redis.sock?db=3", {"path": "/run/redis.sock", "db": 3, "username": "u"}),
        ("redis://h?client_name=shop&max_connections=5", {"client_name": "shop"}),
    ],
)
def test_all_parts_of_a_url_reach_the_connections(url, expected):
    """As the client itself parses it."""
    taken = RedisStore(url)._client.get_connection_kwargs()
    assert {name: taken.get(name) for name in expected} == expected


async def test_all_parts_of_a_url_of_sentinels_reach_the_connections():
    """Those to the master, and those to the Sentinels, which have another password."""
    url = (
        "rediss+sentinel://u:p%40@a:1,[::1]:2,c/my%20shop/3?ssl_ca_certs=x.pem&max_connections=5"
        "&sentinel_username=watch&sentinel_password=w&client_name=shop&socket_timeout=4"
    )
    async with RedisStore(url, timeout_seconds=8) as store:
        pool = store._client.connection_pool
        taken = pool.connection_kwargs
        names = ("username", "password", "db", "client_name", "ssl_ca_certs", "socket_timeout")
        assert [taken[name] for name in names] == ["u", "p@", 3, "shop", "x.pem", 4]
        assert (pool.service_name, pool.max_connections, pool.timeout) == ("my shop", 5, 8)
        sentinels = [each.get_connection_kwargs() for each in pool.sentinel_manager.sentinels]
        nodes = [(each["host"], each["port"]) for each in sentinels]
        assert nodes == [("a", 1), ("::1", 2), ("c", 26379)]
        # A quarter of the timeout each: all three can be asked before it ends.
        names = ("username", "password", "ssl_ca_certs", "socket_timeout", "socket_connect_timeout")
        for each in sentinels:
            assert [each[name] for name in names] == ["watch", "w", "x.pem", 2, 2]
            assert each.get("client_name") is None


def test_all_parts_of_a_url_of_a_cluster_reach_the_connections():
    """To each of its nodes."""
    url = "rediss+cluster://u:p%40@a:1,[::1]:2,c/?ssl_ca_certs=x.pem&client_name=shop"
    client = RedisStore(url, timeout_seconds=10)._client
    nodes = [(each.host, each.port) for each in client.startup_nodes]
    assert nodes == [("a", 1), ("::1", 2), ("c", 6379)]
    for node in client.startup_nodes:
        taken = node.connection_kwargs
        names = ("username", "password", "client_name", "ssl_ca_certs", "socket_timeout")
        assert [taken[name] for name in names] == ["u", "p@", "shop", "x.pem", 3]


@pytest.mark.parametrize(
    "url",
    [
        f"redis://u:{SECRET}@localhost/0",
        f"redis+sentinel://u:{SECRET}@localhost/shop?sentinel_password={SECRET}",
        f"redis+cluster://u:{SECRET}@localhost",
    ],
)
def test_a_store_and_its_client_do_not_show_the_password(url):
    """In no repr."""
    store = RedisStore(url)
    pool = getattr(store._client, "connection_pool", None)
    sentinel = getattr(pool, "sentinel_manager", None)
    assert SECRET not in f"{store!r} {store._client!r} {pool!r} {sentinel!r}"


@pytest.mark.parametrize("command", ["AUTH", "EVALSHA"])
@pytest.mark.parametrize("owns", [True, False], ids=["url", "client"])
async def test_an_error_of_the_server_repeats_no_argument(server, command, owns):
    """A server that does not know AUTH repeats the password, and the key of a script."""
    own = server("--rename-command", command, "")
    url = own.url.replace("//", f"//:{SECRET}@") if command == "AUTH" else own.url
    async with Redis.from_url(url, protocol=2) as client:
        store = RedisStore(url if owns else client, timeout_seconds=PATIENT, ephemeral=True)
        for call in (
            denies(store, f"jti-{SECRET}"),
            store.revoke(Revocation("subject", f"sub-{SECRET}", NOW + 60, NOW), now=NOW),
        ):
            with pytest.raises(Exception, match=f"unknown command '{command}'") as raised:
                await call
            assert SECRET not in everything_of(raised.value)
            assert traceback.format_exception(raised.value)
        await store.aclose()
