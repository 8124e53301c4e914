"""Helpers for the tests of SqlStore: records, a user's own engines, and their events."""

import asyncio
from collections.abc import Coroutine
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from sqlalchemy import event, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support import NOW
from tokenward import Revocation
from tokenward.stores import Consumption
from tokenward.stores.sql import SqlStore

LOST = {"refresh_token_reused", "token_revoked"}


async def denies(store, jti, *, now=NOW):
    """Check only a token."""
    return await store.is_revoked(jti=jti, sid=None, sub="s", issued_at=now, now=now)


def record(identity="x", **changes):
    """Return a revocation of a token."""
    return replace(Revocation("token", identity, NOW + 60), **changes)


def use(jti="x", keep_until=NOW + 60):
    """Return a use of a token that is itself the session."""
    return Consumption(jti, jti, "successor", b"", NOW, keep_until)


@asynccontextmanager
async def on_users_engine(place, **options):
    """Yield an engine of the user, and a store on it."""
    engine = create_async_engine(place.url, **options)
    try:
        async with SqlStore(
            engine, schema=place.part, timeout_seconds=place.timeout_seconds
        ) as store:
            yield engine, store
    finally:
        await engine.dispose()


def collect_events(engine, name, pick):
    """Collect the result of `pick` for each event of an engine."""
    events = []
    event.listen(engine.sync_engine, name, lambda *args: events.append(pick(*args)))
    return events


def statements_of(engine):
    """Collect the statements that an engine sends."""
    return collect_events(
        engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: statement
    )


def errors_of(engine):
    """Collect the driver's errors."""
    return collect_events(engine, "handle_error", lambda context: context.original_exception)


async def run_turns(times):
    """Let the event loop run some turns."""
    for _ in range(times):
        await asyncio.sleep(0)


class _Counted(Coroutine):
    """A coroutine that calls a function before and after each of its steps."""

    def __init__(self, coroutine, step):
        self._coroutine, self._step = coroutine, step

    def send(self, value):
        self._step()
        try:
            return self._coroutine.send(value)
        finally:
            self._step()

    def throw(self, *error):
        return self._coroutine.throw(*error)

    def close(self):
        self._coroutine.close()

    def __await__(self):
        return self._coroutine.__await__()


@contextmanager
def cancelling(number):
    """Yield a function that creates a task, and cancels it before or after a step of any new task.

    Before a step, a reply has arrived that nobody has seen. After it, a request was just sent.
    """
    loop = asyncio.get_running_loop()
    factory = loop.get_task_factory()
    task, left = None, number

    def step():
        nonlocal left
        if left == 0 and task is not None:
            task.cancel()
        left -= 1

    def make(loop, coroutine, **options):
        return asyncio.Task(_Counted(coroutine, step), loop=loop, **options)

    def create(coroutine):
        nonlocal task
        task = loop.create_task(coroutine)
        return task

    loop.set_task_factory(make)
    try:
        yield create
    finally:
        loop.set_task_factory(factory)


async def until(condition):
    """Wait until a condition holds."""
    async with asyncio.timeout(20):
        while not condition():
            await run_turns(1)


def is_psycopg(url):
    """Whether a URL names psycopg."""
    return make_url(url).get_driver_name() == "psycopg"


def is_mysql(url):
    """Whether a URL names MariaDB or MySQL."""
    return make_url(url).get_backend_name() in {"mysql", "mariadb"}


def with_application_name(place, **settings):
    """Return the options of an engine whose connections can be identified."""
    if is_psycopg(place.url):
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        return {"connect_args": {"application_name": place.part, "options": options}}
    return {"connect_args": {"server_settings": {"application_name": place.part, **settings}}}


async def until_mariadb_waits(connection, part):
    """Wait until a statement on the tables of a place has waited for half a second, surely for a lock."""
    # Not innodb_trx, which stands still while it is read more often than ten times a second.
    question = text(
        "SELECT count(*) FROM information_schema.processlist "
        "WHERE id != CONNECTION_ID() AND info LIKE :part AND time_ms > 500"
    )
    async with asyncio.timeout(60):
        while not await connection.scalar(question, {"part": f"%{part}%"}):
            await connection.rollback()
