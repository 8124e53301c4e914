"""Runs scripts on Redis: sent together, in time or not at all, and loaded if missing."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from tokenward.stores.redis.client import ClusterClient, RedisClient, hide_arguments, is_error
from tokenward.stores.redis.cluster_sender import ClusterSender
from tokenward.stores.redis.records import Reply
from tokenward.stores.redis.scripts import CHECK
from tokenward.stores.redis.sender import Command, ServerSender

__all__ = ["Call", "ScriptRunner"]


@cache
def _sha_of(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


class Call(NamedTuple):
    """A script with its arguments."""

    script: str
    keys: Sequence[bytes]
    arguments: Sequence[bytes | str | int]
    deadline: float
    """The event loop's time after which the call is not sent, and its reply not awaited."""


class ScriptRunner:
    """Runs the scripts of one store."""

    def __init__(self, client: RedisClient, *, wait_replicas: int) -> None:
        """Use a client; nothing is sent yet.

        Args:
            client: of a server or of a cluster.
            wait_replicas: how many replicas must confirm each write; 0: none.
        """
        self._wait_replicas = wait_replicas
        self._sender: ClusterSender | ServerSender
        self.slot_of: Callable[[bytes], int] | None = None
        """Returns the slot of a key in a cluster; None for a single server."""
        if isinstance(client, ClusterClient):
            self._sender, self.slot_of = ClusterSender(client), client.keyslot
        else:
            self._sender = ServerSender(client)

    async def run_all(self, calls: Sequence[Call]) -> Sequence[Reply]:
        """Run scripts in one pipeline, and return the reply or the error of each.

        All of them end by the deadline of the first call, which is the earliest one of a batch.

        Raises:
            TimeoutError: the deadline has passed. Calls that were not sent before are not sent.
            Exception: whatever the client raised.
        """
        deadline = calls[0].deadline
        if asyncio.get_running_loop().time() >= deadline:
            # The event loop was blocked. Sending alone might not let the timeout below fire.
            raise TimeoutError

        try:
            async with asyncio.timeout_at(deadline):
                replies = await self._run(calls, deadline)
        except Exception as exc:
            hide_arguments(exc)
            raise

        for reply in replies:
            if isinstance(reply, Exception):
                hide_arguments(reply)
        return replies

    async def _run(self, calls: Sequence[Call], deadline: float) -> Sequence[Reply]:
        replicas = 0 if calls[0].script == CHECK else self._wait_replicas
        commands = [_command("EVALSHA", _sha_of(call.script), call) for call in calls]
        replies = await self._sender.send(commands, deadline, replicas=replicas)

        missing = [place for place, reply in enumerate(replies) if is_error(reply, "NoScriptError")]
        if missing:
            # EVAL also loads the script, on the node that needs it.
            commands = [_command("EVAL", calls[place].script, calls[place]) for place in missing]
            repeated = await self._sender.send(commands, deadline, replicas=replicas)
            for place, reply in zip(missing, repeated, strict=True):
                replies[place] = reply
        return replies


def _command(name: str, script: str, call: Call) -> Command:
    return (name, script, len(call.keys), *call.keys, *call.arguments)
