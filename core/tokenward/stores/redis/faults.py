"""What is wrong with a Redis that answers: the errors of a RedisStore, and their messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tokenward.errors import ConfigurationError

__all__ = [
    "ClusterNodeError",
    "ReplicaError",
    "UnconfirmedWriteError",
    "configuration_error_if_of_another_kind",
]

CLUSTER_NODE: Final = (
    "This Redis is a node of a cluster: use a URL that begins with redis+cluster://, or pass a "
    "redis.asyncio.RedisCluster."
)
REPLICA: Final = (
    "This Redis is a replica, which receives revocations late and refuses to write: connect to its "
    "master, for example with redis+sentinel://."
)
# What a server, or a client on its behalf, says that is not of the kind that the URL names.
_OTHER_KINDS: Final = {
    "Cluster mode is not enabled": (
        "This Redis is not a node of a cluster: use a URL that begins with redis:// or rediss://, "
        "or pass a redis.asyncio.Redis."
    ),
    "unknown command 'SENTINEL'": (
        "This Redis is not a Sentinel: name the Sentinels in the URL, by default at port 26379, or "
        "use a URL that begins with redis:// or rediss://."
    ),
}


class ClusterNodeError(Exception):
    """A client for one server is connected to a node of a cluster."""

    def __init__(self) -> None:
        """Describe the fault and the fix."""
        super().__init__(CLUSTER_NODE)


class ReplicaError(Exception):
    """A client is connected to a replica."""

    def __init__(self) -> None:
        """Describe the fault and the fix."""
        super().__init__(REPLICA)


class UnconfirmedWriteError(Exception):
    """Fewer replicas than `wait_replicas` have confirmed a write in time."""

    def __init__(self, confirmed: object, wanted: int) -> None:
        """Describe the fault."""
        super().__init__(
            f"The write is stored, but only {confirmed} of {wanted} replicas (wait_replicas) have "
            "confirmed it in time: a fail-over to another replica would lose it. Check that the "
            "replicas run and are connected, or raise timeout_seconds."
        )


@contextmanager
def configuration_error_if_of_another_kind() -> Iterator[None]:
    """Raise an error as a mistake if the server is not of the kind that the URL names.

    Raises:
        ConfigurationError: the client is for a cluster or for Sentinels, and the server is neither.
    """
    try:
        yield
    except Exception as exc:
        for text, message in _OTHER_KINDS.items():
            if text in str(exc):
                raise ConfigurationError(message) from exc
        raise
