"""The documented table of suites, compared with the parameters of the tests."""

import inspect
from pathlib import Path

from tests.core import test_rotation
from tests.stores import (
    test_contract,
    test_sql_cancellation,
    test_sql_contention,
    test_sql_contract,
    test_sql_crash,
    test_sql_deadlines,
    test_sql_pooler,
    test_stateful,
)
from tests.stores.conftest import DATABASES
from tests.stores.mirror import conftest as mirrors
from tests.stores.mirror import test_checks
from tests.stores.mirror import test_contract as test_mirror_contract
from tests.stores.mirror import test_stateful as test_mirror
from tests.stores.redis_store import test_cluster, test_outages, test_sentinel
from tests.stores.redis_store.forms import FORMS

PAGE = Path(__file__).parents[2] / "docs" / "testing-stores-and-adapters.md"
HEADER = "| store | contract | model | 500 at once | killed | cancelled | outage |"
NAMES = {
    "sqlite": "`SqlStore`, SQLite",
    "asyncpg": "`SqlStore`, PostgreSQL (asyncpg)",
    "psycopg": "`SqlStore`, PostgreSQL (psycopg)",
    "mariadb": "`SqlStore`, MariaDB",
    "redis": "`RedisStore`, one server",
    "redis_sentinels": "`RedisStore`, Sentinels",
    "redis_cluster": "`RedisStore`, cluster",
    "url": "`RedisStore`, one server",
    "valkey": "`RedisStore`, client of Valkey",
    "tls url": "`RedisStore`, TLS",
    "sentinel url": "`RedisStore`, Sentinels",
    "cluster url": "`RedisStore`, cluster",
}
MEMORY, POOLED = "`MemoryStore`", "`SqlStore`, PostgreSQL behind pgbouncer"
MIRRORS = {
    "redis": "`MirroredStore`, Redis",
    "postgres": "`MirroredStore`, PostgreSQL",
    "mariadb": "`MirroredStore`, MariaDB",
    "sqlite": "`MirroredStore`, SQLite",
}


def uses(test, fixture):
    """Whether a test has a fixture as an argument."""
    return fixture in inspect.signature(test).parameters


def named(keys):
    """Return the rows of some parameters."""
    return {NAMES[key] for key in keys if key in NAMES}


def rows_of_suites():
    """Return the rows that each suite runs on, in the order of the columns."""
    databases, crash = named(DATABASES), test_sql_crash
    mirrored = {MIRRORS[source] for source in mirrors.SOURCES}
    assert uses(test_mirror_contract.TestMirroredStore.store.__wrapped__, "opened")
    assert uses(test_mirror.test_a_mirror_of_each_store_behaves_as_the_model, "source")
    assert len(test_sql_contract.__dict__.keys() & CONTRACTS) == len(CONTRACTS)
    assert test_contract.TestMemoryStore
    assert test_sql_pooler.TestSqlStoreBehindPgbouncer
    contract = {MEMORY, POOLED} | databases | named(FORMS) | mirrored

    machines = {"sqlite": test_stateful.test_sqlite, "mariadb": test_stateful.test_mariadb}
    assert uses(test_stateful.test_postgres, "postgres_driver_url")
    assert test_stateful.test_memory
    model = {MEMORY} | named(machines) | named(("asyncpg", "psycopg"))
    model |= named(test_stateful.FORMS) | mirrored

    assert test_rotation
    assert uses(crash.test_of_500_refreshes_in_4_processes_one_wins, "raced_place")
    for test in (
        crash.test_a_kill_at_any_point_of_a_rotation_leaves_one_live_refresh_token_at_most,
        test_sql_cancellation.test_a_refresh_cancelled_anywhere_leaves_one_live_token_at_most,
        test_sql_deadlines.test_a_server_that_stops_to_answer_is_an_outage_of_bounded_length,
    ):
        assert uses(test, "place")
    processes = named(crash.STORES)
    raced = {MEMORY} | processes | named(crash.WAYS)
    raced |= {POOLED for way in crash.WAYS if way.startswith("pooled ")}
    raced |= {MIRRORS[way.removeprefix("mirrored ")] for way in crash.WAYS if "mirrored" in way}

    assert test_outages.test_a_cancelled_caller_does_not_affect_the_others
    cancelled = databases | {NAMES["redis"]}
    assert test_sql_contention.test_a_locked_file_is_an_outage_of_bounded_length
    assert test_outages.test_a_server_that_hangs_is_an_outage_that_ends_by_itself
    assert test_sentinel.test_the_store_follows_a_failover_by_itself
    assert test_cluster.test_the_failure_of_a_node_affects_its_slots_alone
    assert test_checks.test_the_policy_decides_about_an_outage_of_both
    outage = databases | named(("redis", "redis_sentinels", "redis_cluster")) | mirrored
    return contract, model, raced, processes, cancelled, outage


CONTRACTS = {"TestSqlStoreOnSqlite", "TestSqlStoreOnPostgres", "TestSqlStoreOnMariadb"}


def test_the_table_of_suites_is_true():
    """A store that loses a suite, or gets one, changes the documentation."""
    page = PAGE.read_text(encoding="utf-8")
    _, _, rest = page.partition(f"{HEADER}\n")
    lines = rest.partition("\n\n")[0].splitlines()[1:]
    documented = {cells[0]: cells[1:] for cells in map(cells_of, lines)}
    suites = rows_of_suites()
    rows = dict.fromkeys((MEMORY, *NAMES.values(), POOLED, *MIRRORS.values()))
    assert documented == {
        row: ["yes" if row in suite else "no" for suite in suites] for row in rows
    }


def cells_of(line):
    """Return the cells of a line of a table."""
    return [cell.strip() for cell in line.strip("|").split("|")]
