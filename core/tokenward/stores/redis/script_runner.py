"""Runs scripts on a Redis server: sent together, in time or not at all, and loaded if missing."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from tokenward.stores.redis.client import hide_arguments
from tokenward.stores.redis.records import Reply
from tokenward.stores.redis.scripts import CHECK, CONSUME, RAISE, REVOKE

__all__ = ["Call", "ScriptRunner"]


class Call(NamedTuple):
    """A script with its arguments."""

    script: str
    keys: Sequence[bytes]
    arguments: Sequence[bytes | str | int]
    deadline: float
    """The event loop's time after which the call is not sent, and its reply not awaited."""


class ScriptRunner:
    """Runs the scripts of one store on one server."""

    def __init__(self, client: Redis) -> None:
        """Use a client; nothing is sent yet."""
        self._client = client
        scripts = (CHECK, REVOKE, CONSUME, RAISE)
        self._shas = {each: client.register_script(each).sha.encode() for each in scripts}

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
                replies = await (self._run_one(calls) if len(calls) == 1 else self._run(calls))
        except Exception as exc:
            hide_arguments(exc)
            raise

        for reply in replies:
            if isinstance(reply, Exception):
                hide_arguments(reply)
        return replies

    async def _run_one(self, calls: Sequence[Call]) -> Sequence[Reply]:
        """Run one call without a pipeline, which would take a fifth longer."""
        script, keys, arguments, _ = calls[0]
        sha, size = self._shas[script], b"%d" % len(keys)
        try:
            command = ("EVALSHA", sha, size, *keys, *arguments)
            return [await self._client.execute_command(*command)]  # type: ignore[no-untyped-call]
        except NoScriptError:
            pass
        except ResponseError as exc:
            return [exc]
        return await self._run(calls)

    async def _run(self, calls: Sequence[Call]) -> Sequence[Reply]:
        replies = await self._send(calls)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            # All calls are repeated: running a script twice has the same effect as once.
            for script in self._shas:
                await self._client.script_load(script)
            replies = await self._send(calls)
        return replies

    async def _send(self, calls: Sequence[Call]) -> list[Reply]:
        async with self._client.pipeline(transaction=False) as pipe:
            for script, keys, arguments, _ in calls:
                pipe.execute_command("EVALSHA", self._shas[script], len(keys), *keys, *arguments)
            replies: list[Reply] = await pipe.execute(raise_on_error=False)
            return replies
