"""Sends the commands of a batch to the nodes of a cluster."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from tokenward.stores.redis.client import ClusterClient, cluster_nodes, is_error
from tokenward.stores.redis.records import Reply
from tokenward.stores.redis.sender import Command, confirmed, wait_command

__all__ = ["ClusterSender"]

# The clients allow 100 connections to a node, and raise instead of waiting for a free one.
_LARGEST_NUMBER_OF_BATCHES: Final = 40
_REDIRECTED: Final = ("MovedError", "TryAgainError")
# The clients raise an AttributeError if another batch closes the connection that they send on, and
# asyncio a TypeError in some releases of Python 3.12 and 3.13.
_CLOSED: Final = ("ConnectionError", "AttributeError", "TypeError")
_REPEATED: Final = (*_REDIRECTED, *_CLOSED, "TimeoutError", "ClusterDownError")
# More than the redirections after which a client reads all slots again: five, by default.
_ROUNDS: Final = 12
# A node that has failed is tried three times.
_ROUNDS_OF_A_FAILURE: Final = 4
# A node that does not answer must not take the time of the replies of other nodes.
_SHARE_OF_A_NODE: Final = 0.9
# Less than the time after which a client for a URL gives up waiting for a node.
_SHARE_OF_WAITING: Final = 0.2


class _Batch(NamedTuple):
    deadline: float
    replicas: int
    rounds: int = _ROUNDS


class _Sent:
    """A command as `ClusterNode.execute_pipeline` of both libraries takes it, and its reply."""

    def __init__(self, *args: bytes | str | int) -> None:
        self.args = args
        self.kwargs: dict[str, object] = {}
        self.result: Reply = None


class ClusterSender:
    """Sends commands to the nodes of their keys, to all nodes at the same time.

    A failure of one node affects only the commands for that node.
    """

    def __init__(self, client: ClusterClient) -> None:
        """Use a client; nothing is sent yet."""
        self._client = client
        self._slots = asyncio.Semaphore(_LARGEST_NUMBER_OF_BATCHES)
        self._knows_nodes = False
        self._lacks_slots = False

    async def send(
        self, commands: Sequence[Command], deadline: float, *, replicas: int
    ) -> list[Reply]:
        """Send commands, and return the reply or the error of each.

        Args:
            commands: at least one; the keys of each have one slot.
            deadline: the event loop's time by which the replies must be there.
            replicas: how many replicas of each node must confirm the writes; 0: none.

        Raises:
            Exception: the client cannot find the nodes of the cluster.
        """
        loop = asyncio.get_running_loop()
        async with self._slots:
            now = loop.time()
            ends = now + (deadline - now) * _SHARE_OF_A_NODE
            return await self._send(commands, _Batch(ends, replicas))

    async def _send(self, commands: Sequence[Command], batch: _Batch) -> list[Reply]:
        # Not each time: when a node has failed, the client would ask for the nodes again.
        if not self._knows_nodes:
            await self._client.initialize()
            self._knows_nodes = True
        elif self._lacks_slots:
            self._lacks_slots = False
            await self._client.nodes_manager.initialize()
        replies: list[Reply] = [None] * len(commands)
        groups: defaultdict[str, list[int]] = defaultdict(list)
        nodes: dict[str, Any] = {}
        for place, command in enumerate(commands):
            try:
                node = self._client.get_node_from_key(command[3])
            except Exception as exc:  # noqa: BLE001 - no node has the slot at this time
                replies[place] = exc
                self._lacks_slots = True
            else:
                nodes[node.name] = node
                groups[node.name].append(place)

        answers = await asyncio.gather(
            *(
                self._send_to_node(nodes[name], [commands[place] for place in group], batch)
                for name, group in groups.items()
            )
        )
        for group, answer in zip(groups.values(), answers, strict=True):
            _put(replies, group, answer)
        return replies

    async def _send_to_node(
        self,
        node: Any,  # noqa: ANN401 - redis-py and valkey-py have no common class
        commands: Sequence[Command],
        batch: _Batch,
    ) -> list[Reply]:
        replies: list[Reply] = []
        try:
            async with asyncio.timeout_at(batch.deadline):
                replies = await self._exchange(node, commands, batch)
                await self._ask(commands, replies, batch)
                failed = [
                    place for place, reply in enumerate(replies) if is_error(reply, *_REPEATED)
                ]
                if failed and batch.rounds > 0:
                    # The client closes the connections of a node that it replaces, which is no failure.
                    is_replaced = not self._knows(node)
                    await self._find_node(commands[failed[0]])
                    again = [commands[place] for place in failed]
                    is_redirected = is_replaced or is_error(replies[failed[0]], *_REDIRECTED)
                    rounds = batch.rounds - (1 if is_redirected else _ROUNDS_OF_A_FAILURE)
                    _put(replies, failed, await self._send(again, batch._replace(rounds=rounds)))
        except Exception as exc:  # noqa: BLE001 - the reply of these commands
            return replies or [exc] * len(commands)
        return replies

    def _knows(self, node: Any) -> bool:  # noqa: ANN401 - redis-py and valkey-py have no common class
        """Whether the client still sends to this object of a node."""
        return any(each is node for each in cluster_nodes(self._client))

    async def _find_node(self, command: Command) -> None:
        """Send one command again alone, by which the client finds out which node has its slot.

        Raises:
            TimeoutError: the node does not answer. Another error does not count: the node was found
                but does not have the script, or another batch has made the client reconnect.
        """
        try:
            await self._client.execute_command(*command)
        except Exception as exc:
            if is_error(exc, "TimeoutError"):
                raise

    async def _ask(self, commands: Sequence[Command], replies: list[Reply], batch: _Batch) -> None:
        """Repeat commands for slots that are being moved, at the nodes that get the slots.

        The clients send ASKING on any connection to such a node, where it often has no effect.
        """
        groups: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for place, reply in enumerate(replies):
            if type(reply).__name__ == "AskError":
                groups[reply.host, reply.port].append(place)  # type: ignore[attr-defined]

        for (host, port), group in groups.items():
            node = self._client.get_node(host, port)
            if node is not None:
                again = [commands[place] for place in group]
                _put(replies, group, await self._exchange(node, again, batch, asking=True))

    async def _exchange(
        self,
        node: Any,  # noqa: ANN401 - redis-py and valkey-py have no common class
        commands: Sequence[Command],
        batch: _Batch,
        *,
        asking: bool = False,
    ) -> list[Reply]:
        """Send commands to one node, over one connection, and return their replies or errors."""
        asks = [_Sent("ASKING") for _ in commands] if asking else []
        scripts = [_Sent(*command) for command in commands]
        sent = (
            [each for pair in zip(asks, scripts, strict=True) for each in pair]
            if asking
            else [*scripts]
        )
        if batch.replicas:
            sent.append(_Sent(*wait_command(batch.replicas, batch.deadline, _SHARE_OF_WAITING)))
        try:
            # Not the pipeline of the client, which first asks for the nodes again if one has failed.
            await node.execute_pipeline(sent)
        except Exception as exc:  # noqa: BLE001 - the reply of these commands
            return [exc] * len(commands)
        finally:
            # The client no longer closes the connections of a node that it has replaced.
            if not self._knows(node):
                await node.disconnect()

        replies = [each.result for each in scripts]
        return confirmed(replies, sent[-1].result, batch.replicas) if batch.replicas else replies


def _put(replies: list[Reply], places: Sequence[int], values: Sequence[Reply]) -> None:
    for place, value in zip(places, values, strict=True):
        replies[place] = value
