"""The programs of the page about showing and ending sessions."""

from tests.docs.pages import ROOT, blocks_of, run
from tokenward.testing.adapters.service import bearer, client_of
from tokenward_fastapi import TokenAuth

PAGE = ROOT / "docs" / "session-list.md"


async def test_the_programs_run(capsys):
    """A user sees the own sessions, and ends none of others."""
    from fastapi import FastAPI

    listing, routes = blocks_of(PAGE)
    names = await run(listing, {})
    assert capsys.readouterr().out.startswith("Alice's phone 20")
    engine, app = names["engine"], FastAPI()
    auth = TokenAuth(engine)
    auth.init_app(app)
    await run(routes, {**names, "app": app, "auth": auth})
    await engine.issue_pair("bob")
    (of_bob,) = await engine.sessions("bob")
    (own,) = await engine.sessions("alice")

    async with client_of(app) as client:
        headers = list(bearer(names["pair"].access_token))
        (seen,) = (await client.get("/sessions", headers=headers)).json()
        assert (seen["id"], seen["label"], seen["is_current"]) == (
            own.session,
            "Alice's phone",
            True,
        )
        assert (await client.get("/sessions")).status_code == 401
        path = f"/sessions/{of_bob.session}"
        assert (await client.delete(path, headers=headers)).status_code == 404
        assert await engine.sessions("bob")
        path = f"/sessions/{own.session}"
        assert (await client.delete(path, headers=headers)).status_code == 200
        assert (await client.get("/sessions", headers=headers)).status_code == 401
