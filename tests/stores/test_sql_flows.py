"""Several processes run whole sessions on one PostgreSQL behind a pooler, and none fails."""

from dataclasses import replace

from tests.stores import flow_worker
from tests.stores.processes import context
from tests.support import IS_DEEP

PROCESSES = 4
FLOWS = 10_000 if IS_DEEP else 400


def run(place):
    """Run the flows in several processes; return the outcomes of each."""
    pipes = []
    for _ in range(PROCESSES):
        here, there = context.Pipe()
        args = (place, FLOWS // PROCESSES, there)
        context.Process(target=flow_worker.run_flows, args=args, daemon=True).start()
        pipes.append(here)
    return [pipe.recv() for pipe in pipes]


async def test_no_flow_of_4_processes_behind_a_pooler_fails(postgres_place, pgbouncer_url):
    """Each issues, refreshes, checks and revokes; two connections of the server serve them all."""
    place = replace(postgres_place, url=pgbouncer_url)
    assert run(place) == [{"right": FLOWS // PROCESSES}] * PROCESSES


async def test_no_flow_of_4_processes_on_mariadb_fails(mariadb_place):
    """Batches of many sessions are written as those of one."""
    assert run(mariadb_place) == [{"right": FLOWS // PROCESSES}] * PROCESSES
