"""Whole sessions in another process: log in, refresh, check and log out."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection

from tests.stores.crash_worker import Place
from tokenward import Claims, TokenEngine, TokenRevokedError

CONCURRENT = 50


def run_flows(place: Place, flows: int, parent: Connection) -> None:
    """Run flows, and send how many ended in which way."""
    parent.send(asyncio.run(_run(place, flows)))


async def _run(place: Place, flows: int) -> Counter[str]:
    left = iter(range(flows))
    async with place.engine() as engine:
        works = (_work(engine, left) for _ in range(CONCURRENT))
        return sum(await asyncio.gather(*works), Counter())


async def _work(engine: TokenEngine[Claims], left: Iterator[int]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for number in left:
        try:
            outcomes[await _flow(engine, f"user {number}")] += 1
        except Exception as exc:  # noqa: BLE001 - counted, whatever it is
            outcomes[type(exc).__name__] += 1
    return outcomes


async def _flow(engine: TokenEngine[Claims], subject: str) -> str:
    first = await engine.issue_pair(subject)
    second = await engine.refresh(first.refresh_token)
    claims = await engine.decode(second.access_token)
    if claims.sub != subject:
        return "wrong subject"
    await engine.revoke_session(claims.sid)
    for token in (first.access_token, second.access_token):
        try:
            await engine.decode(token)
        except TokenRevokedError:
            continue
        return "revoked token accepted"
    return "right"
