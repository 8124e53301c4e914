"""The programs of the page about background tasks."""

import asyncio
import logging

import pytest

from tests.docs.frameworks import FRAMEWORKS, app_of, assumed_by_programs, bearer
from tests.docs.pages import block_with, run
from tests.support import engine_with
from tokenward.errors import TokenExpiredError
from tokenward.testing.adapters.service import client_of

PAGE = "background-tasks.md"
ROUTES = {
    "fastapi": '@app.post("/reports", status_code=202)',
    "litestar": '@post("/reports", status_code=202',
    "quart": '@app.post("/reports")\n',
}


async def job(engine, pages, write_page):
    """Return the job of the page."""
    names = {"engine": engine, "pages": pages, "write_page": write_page}
    return (await run(block_with(PAGE, "async def write_report(claims)"), names))["write_report"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_task_gets_the_claims_of_the_request(clock, framework):
    """In each framework, after a response that does not wait for it; a refused request starts none."""
    engine, written = engine_with(clock), []

    async def write_page(user, page):
        written.append((user, page))

    names = assumed_by_programs(framework, engine)
    names["write_report"] = await job(engine, [1, 2], write_page)
    app = app_of(framework, await run(block_with(PAGE, ROUTES[framework]), names))

    async with client_of(app) as client:
        assert (await client.post("/reports")).status_code == 401
        headers = bearer(await engine.issue("alice"))
        response = await client.post("/reports", headers=headers)
    assert (response.status_code, response.json()) == (202, {"status": "started"})
    if framework == "quart":
        await asyncio.gather(*app.background_tasks)
    assert written == [("alice", 1), ("alice", 2)]


@pytest.mark.parametrize("end", ["expired", "revoked"])
async def test_a_task_ends_with_its_token(clock, caplog, end):
    """At the next page, when the token has expired or the user has logged out."""
    engine, written = engine_with(clock), []
    claims = await engine.decode(await engine.issue("alice"))

    async def write_page(user, page):
        written.append(page)
        if page == 2 and end == "expired":
            clock.advance(900)
        elif page == 2:
            await engine.revoke_subject(user)

    caplog.set_level(logging.INFO)
    await (await job(engine, [1, 2, 3], write_page))(claims)
    assert written == [1, 2]
    assert caplog.messages == [f"A report was ended: token_{end}"]


async def test_an_expired_token_hides_its_revocation(clock):
    """The reason why a task cannot check revocation only."""
    engine = engine_with(clock)
    claims = await engine.decode(await engine.issue("alice"))
    await engine.revoke(claims)
    clock.advance(900)
    with pytest.raises(TokenExpiredError):
        await engine.revalidate(claims)
