"""Sends the commands of a batch to one server, and waits until replicas have the writes."""

import asyncio
from collections.abc import Sequence
from typing import Final, TypeAlias

from tokenward.stores.redis.client import RedisClient, is_error
from tokenward.stores.redis.faults import ClusterNodeError, ReplicaError, UnconfirmedWriteError
from tokenward.stores.redis.records import Reply

__all__ = ["Command", "ServerSender", "confirmed", "wait_command"]

Command: TypeAlias = tuple[bytes | str | int, ...]
"""EVALSHA or EVAL with its arguments; the fourth element is the first key."""

_SHARE_OF_WAITING: Final = 0.5


class ServerSender:
    """Sends commands to one server, over one connection."""

    def __init__(self, client: RedisClient) -> None:
        """Use a client; nothing is sent yet."""
        self._client = client

    async def send(
        self, commands: Sequence[Command], deadline: float, *, replicas: int
    ) -> list[Reply]:
        """Send commands, and return the reply or the error of each.

        Args:
            commands: at least one.
            deadline: the event loop's time by which the replies must be there.
            replicas: how many replicas must confirm the writes; 0: none.
        """
        replies = await self._replies(commands, deadline, replicas)
        return [_explained(reply) for reply in replies]

    async def _replies(
        self, commands: Sequence[Command], deadline: float, replicas: int
    ) -> list[Reply]:
        if len(commands) == 1 and not replicas:
            # A pipeline would take a fifth longer.
            try:
                return [await self._client.execute_command(*commands[0])]
            except Exception as exc:  # noqa: BLE001 - the reply of this command
                return [exc]

        async with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            if replicas:
                pipe.execute_command(*wait_command(replicas, deadline, _SHARE_OF_WAITING))
            replies: list[Reply] = await pipe.execute(raise_on_error=False)
        return confirmed(replies[:-1], replies[-1], replicas) if replicas else replies


def _explained(reply: Reply) -> Reply:
    """Return a reply; a redirection and a refused write as an error that says what to do."""
    fault: Exception | None = None
    if is_error(reply, "AskError", "ClusterCrossSlotError"):
        fault = ClusterNodeError()
    elif is_error(reply, "ReadOnlyError"):
        fault = ReplicaError()
    if fault is None:
        return reply
    fault.__cause__ = reply if isinstance(reply, Exception) else None
    return fault


def wait_command(replicas: int, deadline: float, share: float) -> Command:
    """Return the command that waits for replicas, on the connection of the writes.

    Args:
        replicas: how many.
        deadline: the event loop's time by which the reply must be there.
        share: the share of the time until then that the server may wait.
    """
    left = deadline - asyncio.get_running_loop().time()
    # Zero would wait without an end.
    return ("WAIT", replicas, max(int(left * share * 1000), 1))


def confirmed(replies: list[Reply], count: Reply, replicas: int) -> list[Reply]:
    """Return the replies of writes; errors, if too few replicas have confirmed the writes.

    Args:
        replies: the replies to the writes.
        count: the reply to WAIT.
        replicas: how many replicas must have confirmed them.
    """
    if isinstance(count, int) and count >= replicas:
        return replies
    fault = count if isinstance(count, Exception) else UnconfirmedWriteError(count, replicas)
    return [reply if isinstance(reply, Exception) else fault for reply in replies]
