"""The time of a check and of a refresh in each store, empty and with very many revoked tokens."""

import asyncio
import os

from redis.asyncio import Redis
from redis.exceptions import RedisError

from benchmarks.comparing import Bench, Timed
from benchmarks.environments import OWN
from benchmarks.processes import Side
from benchmarks.ratios import Outcome
from benchmarks.tables import Report, Table, number, ratio

TABLES = ("stores",)
ENTRIES, QUICK_ENTRIES = 1_000_000, 10_000
SCRIPT = "stores_tokenward.py"
STORES = {"memory": "MemoryStore", "sqlite": "SqlStore, SQLite", "redis": "RedisStore"}
CHECKS_OF_A_BURST = 2000  # 100 callers, 20 checks each
REDIS_URL = os.environ.get("TOKENWARD_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
NO_REDIS = "RedisStore was NOT measured: no Redis answers. Start one: `redis-server --save ''`."


def measure(bench: Bench) -> Report:
    """Measure every store."""
    entries = QUICK_ENTRIES if bench.effort.is_quick else ENTRIES
    report = Report()
    has_redis = asyncio.run(_redis_answers())
    if not has_redis:
        report.warnings.append(NO_REDIS)
    rows, notes = [], list(report.warnings)
    for name, label in STORES.items():
        if name == "redis" and not has_redis:
            continue
        with bench.side(OWN, SCRIPT, name, str(entries)) as side:
            rows.append((label, *_row(bench, side)))
            if name == "redis":
                notes.append(_plain_exists(bench, side))
    columns = (
        "store",
        "check µs, none revoked",
        f"with {entries:,}",
        "ratio",
        "refresh µs, none revoked",
        f"with {entries:,}",
        "ratio",
        "checks per second, 100 callers",
    )
    report.tables["stores"] = Table(columns, rows, notes)
    return report


def _row(bench: Bench, side: Side) -> tuple[str, ...]:
    check, refresh, burst = (
        bench.compare(what, Timed(side, f"{what}/full"), Timed(side, f"{what}/empty"))
        for what in ("check", "refresh", "burst")
    )
    return (*_cells(check), *_cells(refresh), f"{CHECKS_OF_A_BURST / burst.ours * 1e6:,.0f}")


def _cells(outcome: Outcome) -> tuple[str, str, str]:
    return number(outcome.theirs), number(outcome.ours), ratio(outcome.ratio)


def _plain_exists(bench: Bench, side: Side) -> str:
    plain = bench.compare("RedisStore", Timed(side, "burst/exists"), Timed(side, "burst/empty"))
    rates = [CHECKS_OF_A_BURST / each * 1e6 for each in (plain.theirs, plain.ours)]
    return (
        f"With 100 callers, a RedisStore answers {rates[0]:,.0f} checks per second. A plain `EXISTS` for each check, "
        f"with the same client, answers {rates[1]:,.0f}. A RedisStore answers {plain.ratio:.1f} times as many, because "
        "it sends all checks of one turn of the event loop as one script."
    )


async def _redis_answers() -> bool:
    client = Redis.from_url(REDIS_URL)
    try:
        return bool(await client.ping())
    except RedisError:
        return False
    finally:
        await client.aclose()
