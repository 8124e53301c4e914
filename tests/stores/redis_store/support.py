"""Helpers for the tests of RedisStore."""

import asyncio
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.connection import parse_url

from tests.support import NOW

PATIENT = 120.0


async def keys_with(client, prefix):
    """Return the names of the keys with a prefix. SCAN may name one twice: the tests share a database."""
    return {key async for key in client.scan_iter(match=f"{prefix}*", count=10_000)}


async def forget(url, prefix):
    """Delete the keys of a test."""
    async with Redis.from_url(url) as client:
        if keys := await keys_with(client, prefix):
            await client.unlink(*keys)


async def denies(store, jti, now=NOW):
    """Check only a token."""
    return await store.is_revoked(jti=jti, sid=None, sub="", issued_at=now, now=now)


async def background():
    """Wait for all background tasks."""
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))


async def calls_of(url, *names):
    """Return how often the server has run commands."""
    async with Redis.from_url(url) as looking:
        stats = await looking.info("commandstats")
    return [stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in names]


@asynccontextmanager
async def proxy_that_loses_a_reply(url, lose):
    """Yield the URL of a proxy that drops the connection instead of the reply to the first script."""
    parts = parse_url(url)
    is_lost = False
    question = b""

    async def ask(reader, questions):
        nonlocal question
        while question := await reader.read(65_536):
            questions.write(question)
        questions.close()

    async def answer(answers, writer):
        nonlocal is_lost
        while reply := await answers.read(65_536):
            if b"EVAL" in question and b"NOSCRIPT" not in reply and not is_lost:
                is_lost = True
                lose()
                break
            writer.write(reply)
        writer.close()

    async def carry(reader, writer):
        answers, questions = await asyncio.open_connection(parts["host"], parts.get("port", 6379))
        await asyncio.gather(ask(reader, questions), answer(answers, writer))

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as between:
        port = between.sockets[0].getsockname()[1]
        yield f"redis://127.0.0.1:{port}/{parts.get('db', 0)}"
