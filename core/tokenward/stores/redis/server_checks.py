"""What a RedisStore looks at on its servers: their role, and whether they may lose revocations."""

import asyncio
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from tokenward.errors import ConfigurationError
from tokenward.stores.redis.client import ClusterClient, RedisClient
from tokenward.stores.redis.faults import CLUSTER_NODE, REPLICA

__all__ = [
    "RedisEvictionWarning",
    "RedisPersistenceWarning",
    "RedisReplicaWarning",
    "ServerChecks",
]

_SETTINGS: Final = ("maxmemory-policy", "maxmemory", "save", "appendonly")
_KEEPS_NOTHING: Final = (
    "This Redis stores nothing on disk (save is empty, appendonly is no): a restart loses every "
    "revocation, and revoked tokens are valid again. Set appendonly to yes, or create the store "
    "with RedisStore(..., ephemeral=True) if you accept that."
)

_Values: TypeAlias = Mapping[str, Any]


class RedisEvictionWarning(UserWarning):
    """The server may evict revocations when its memory is full: revoked tokens are valid again."""


class RedisPersistenceWarning(UserWarning):
    """The server stores nothing on disk: after a restart revoked tokens are valid again."""


class RedisReplicaWarning(UserWarning):
    """The server is a replica: it receives revocations late, and stores none."""


class ServerChecks:
    """Looks at the servers of one client; warns once about what they may lose."""

    def __init__(self, client: RedisClient, *, timeout_seconds: float, ephemeral: bool) -> None:
        """Use a client; nothing is sent yet.

        Args:
            client: of a server or of a cluster.
            timeout_seconds: how long to wait for the servers.
            ephemeral: whether the caller accepts that a restart loses everything.
        """
        self._client = client
        self._timeout_seconds = timeout_seconds
        self._ephemeral = ephemeral
        self._warning: asyncio.Task[None] | None = None

    def warn_once(self) -> asyncio.Task[None]:
        """Look at the servers in the background, at the first call only, and warn."""
        if self._warning is None:
            self._warning = asyncio.get_running_loop().create_task(self._warn())
        return self._warning

    async def check_role(self) -> None:
        """Check that the client is connected to what it was made for.

        A server that hides what it is, as some managed servers do, is not checked.

        Raises:
            ConfigurationError: the server is a replica, or a node of a cluster for which the client
                was not made.
        """
        for state in await self._ask("INFO", "replication", "cluster"):
            if state.get("cluster_enabled") == 1 and not isinstance(self._client, ClusterClient):
                raise ConfigurationError(CLUSTER_NODE)
            if state.get("role") == "slave":
                raise ConfigurationError(REPLICA)

    async def stop(self) -> None:
        """Cancel what is in progress."""
        if self._warning is not None:
            self._warning.cancel()
            await asyncio.wait([self._warning])

    async def _warn(self) -> None:
        for state in await self._ask("INFO", "replication", "cluster"):
            if state.get("role") == "slave":
                warnings.warn(REPLICA, RedisReplicaWarning, stacklevel=1)

        found = [
            each
            for config in await self._ask("CONFIG GET", *_SETTINGS)
            for each in self._of(config)
        ]
        for message, category in dict(found).items():
            warnings.warn(message, category, stacklevel=1)

    def _of(self, config: _Values) -> Iterator[tuple[str, type[UserWarning]]]:
        """Yield the warnings about the settings of one server."""
        policy = config.get("maxmemory-policy", "noeviction")
        if policy != "noeviction" and int(config.get("maxmemory") or 0):
            msg = (
                f"This Redis may evict revocations (maxmemory-policy {policy}): revoked tokens "
                "would be valid again. Set maxmemory-policy to noeviction, or use another Redis."
            )
            yield msg, RedisEvictionWarning
        if not self._ephemeral and config.get("save") == "" and config.get("appendonly") == "no":
            yield _KEEPS_NOTHING, RedisPersistenceWarning

    async def _ask(self, *command: str) -> Sequence[_Values]:
        """Return what the server, or each primary of a cluster, says; nothing if it refuses."""
        is_cluster = isinstance(self._client, ClusterClient)
        targets = {"target_nodes": "primaries"} if is_cluster else {}
        try:
            async with asyncio.timeout(self._timeout_seconds):
                reply = await self._client.execute_command(*command, **targets)
        except Exception:  # noqa: BLE001 - managed servers refuse it, and no call depends on it
            return ()

        if not isinstance(reply, dict):
            return ()
        if all(isinstance(each, dict) for each in reply.values()):
            return [*reply.values()]
        return [reply]
