"""A service in another process, behind a pooler that it shares."""

import asyncio
from collections import Counter
from multiprocessing.connection import Connection

from tests.support import IS_DEEP, NOW
from tokenward import Revocation
from tokenward.stores import Consumption
from tokenward.stores.sql import SqlStore

RECORDS = 20
CALLERS = 25
ROUNDS = 20 if IS_DEEP else 5


def serve(url: str, schema: str, name: str, parent: Connection) -> None:
    """Revoke, report it, wait for the signal, and then count the correct answers."""
    asyncio.run(_serve(url, schema, name, parent))


async def _serve(url: str, schema: str, name: str, parent: Connection) -> None:
    # Generous: what is tested is that no answer is wrong, on however busy a machine.
    async with SqlStore(url, schema=schema, timeout_seconds=20) as store:
        for number in range(RECORDS):
            await store.revoke(Revocation("token", f"{name} {number}", NOW + 60), now=NOW)
        parent.send("ready")
        other = parent.recv()
        works = (_work(store, name, other, caller) for caller in range(CALLERS))
        parent.send(sum(await asyncio.gather(*works), Counter()))


async def _work(store: SqlStore, own: str, other: str, caller: int) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for number in range(ROUNDS):
        record, token = number % RECORDS, f"{caller} {number}"
        for call, expected in (
            (_denies(store, f"{own} {record}"), True),
            (_denies(store, f"{other} {record}"), False),
            (_is_first(store, token), True),
            (_is_first(store, token), False),
        ):
            try:
                outcomes["right" if await call is expected else "wrong"] += 1
            except Exception as exc:  # noqa: BLE001 - counted, whatever it is
                outcomes[type(exc).__name__] += 1
    return outcomes


async def _denies(store: SqlStore, jti: str) -> bool:
    return await store.is_revoked(jti=jti, sid=None, sub="s", issued_at=NOW, now=NOW)


async def _is_first(store: SqlStore, jti: str) -> bool:
    use = Consumption(jti, jti, f"next {jti}", b"", NOW, NOW + 60)
    return (await store.consume(use, now=NOW)).is_first
