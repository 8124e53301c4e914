"""Helpers for the tests of SqlStore: records, a user's own engines, and their events."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

from sqlalchemy import event
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
    """Return a use of a token."""
    return Consumption(jti, "successor", b"", NOW, keep_until)


@asynccontextmanager
async def on_users_engine(place, **options):
    """Yield an engine of the user, and a store on it."""
    engine = create_async_engine(place.url, **options)
    async with SqlStore(engine, schema=place.part, timeout_seconds=place.timeout_seconds) as store:
        yield engine, store
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


async def until(condition):
    """Wait until a condition holds."""
    async with asyncio.timeout(20):
        while not condition():
            await run_turns(1)


def with_application_name(place, **settings):
    """Return the options of an engine whose connections can be identified."""
    return {"connect_args": {"server_settings": {"application_name": place.part, **settings}}}
