"""What a RedisStore needs of a client, and the errors of clients.

redis-py and valkey-py have the same methods and the same names of errors, but no common class, so
nothing here imports either.
"""

from collections.abc import Awaitable, Iterator
from typing import Any, Protocol, runtime_checkable

__all__ = ["ClusterClient", "RedisClient", "cluster_nodes", "hide_arguments", "is_error"]


@runtime_checkable
class RedisClient(Protocol):
    """An asynchronous client of redis-py or valkey-py, for one server, a Sentinel or a cluster."""

    def execute_command(self, *args: Any, **options: Any) -> Awaitable[Any]:  # noqa: ANN401
        """Send one command and return its reply."""
        ...

    def pipeline(self, transaction: Any = ...) -> Any:  # noqa: ANN401
        """Return a pipeline, which sends its commands together."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


@runtime_checkable
class ClusterClient(RedisClient, Protocol):
    """A client of a cluster, which knows the node of each key."""

    @property
    def nodes_manager(self) -> Any:  # noqa: ANN401
        """Its ``nodes_cache`` has the nodes, its ``slots_cache`` those of a slot; ``initialize`` fetches both."""
        ...

    async def initialize(self) -> Any:  # noqa: ANN401
        """Fetch the nodes of the cluster, if that has not been done yet."""
        ...

    def keyslot(self, key: Any) -> int:  # noqa: ANN401
        """Return the slot of a key."""
        ...

    def get_node(self, host: Any = ..., port: Any = ..., node_name: Any = ...) -> Any:  # noqa: ANN401
        """Return a node by its address or its name; None if it is unknown."""
        ...

    def get_node_from_key(self, key: Any) -> Any:  # noqa: ANN401
        """Return the primary of a key's slot."""
        ...


def cluster_nodes(client: ClusterClient) -> Iterator[Any]:
    """Yield the nodes to which a client of a cluster sends, by their names and by their slots.

    Before redis-py 8, a client that has fetched its nodes again has two objects for each, and closes
    only those with a name. A node may occur several times.
    """
    manager = client.nodes_manager
    yield from manager.nodes_cache.values()
    for nodes in manager.slots_cache.values():
        yield from nodes


def is_error(reply: object, *names: str) -> bool:
    """Whether a reply is an error of a class with one of the names, of redis-py or of valkey-py."""
    return isinstance(reply, Exception) and any(
        each.__name__ in names for each in type(reply).__mro__
    )


def hide_arguments(error: BaseException) -> None:
    """Remove the arguments of a command from an error, and from its causes.

    A server that does not know a command repeats its arguments: the password of AUTH, or a key of
    EVALSHA with an identity in it. A client of a cluster repeats those that it cannot route.
    """
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or each in seen:
            continue
        seen.append(each)
        for beginning in (", with args", "('EVAL"):
            if beginning in str(each):
                each.args = (str(each).partition(beginning)[0].rstrip(),)
        waiting += (each.__cause__, each.__context__)
