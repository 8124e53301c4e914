"""The programs of the page about step-up, and a client that steps up in each framework."""

import re
from importlib import import_module

import pytest

from tests.docs.frameworks import FRAMEWORKS, app_of, app_with, assumed_by_programs, bearer
from tests.docs.pages import ROOT, block_with, run, run_with
from tokenward.testing.adapters.service import client_of

PAGE = "step-up.md"


@pytest.fixture(params=FRAMEWORKS)
async def names(request):
    """Return the names of the first program of the page, in each framework."""
    kind = import_module(f"tokenward_{request.param}").TokenAuth
    given = {"framework": request.param, "timedelta": None}
    return await run_with(block_with(PAGE, "acr_levels"), given, TokenAuth=kind)


def guards_of(names):
    """Return guards like those of the page, by path."""
    required, ten_minutes = names["auth"].required, names["timedelta"](minutes=10)
    return {
        "/level": required(acr=["mfa"]),
        "/recent": required(max_age=ten_minutes),
        "/both": required(acr=["mfa"], max_age=ten_minutes),
    }


async def test_the_challenge_of_the_page(names):
    """A token of a login with a password gets the challenge that the page shows."""
    app = app_with(names["framework"], names["auth"], guards_of(names))
    pair = (await run(block_with(PAGE, 'acr="pwd", fresh=True)\n'), names))["pair"]
    async with client_of(app) as client:
        answers = {
            path: await client.get(path, headers=bearer(pair.access_token))
            for path in guards_of(names)
        }
    shown = re.search(r"^WWW-Authenticate: (.*)$", page_text(), re.MULTILINE)
    assert {path: each.status_code for path, each in answers.items()} == {
        "/level": 401,
        "/recent": 200,
        "/both": 401,
    }
    assert answers["/both"].headers["www-authenticate"] == shown.group(1)


def page_text():
    """Return the text of the page."""
    return (ROOT / "docs" / PAGE).read_text(encoding="utf-8")


async def is_code_of(subject, code):
    """Return whether a code is right."""
    return (subject, code) == ("alice", "123456")


async def test_a_client_steps_up(names):
    """The route refuses the token, the login raises the level, and the route accepts the new one."""
    framework, engine = names["framework"], names["engine"]
    given = {**names, **assumed_by_programs(framework, engine), "is_code_of": is_code_of}
    if framework == "fastapi":
        given = await run(block_with(PAGE, "async def step_up"), given)
    else:
        given = STEP_UPS[framework](given)
    guarded = app_with(framework, names["auth"], guards_of(names))
    pair = await engine.issue_pair("alice", acr="pwd", fresh=True)
    before = await engine.decode(pair.access_token)
    async with client_of(app_of(framework, given)) as client, client_of(guarded) as shop:

        async def step_up(token, code):
            return await client.post("/step-up", headers={**bearer(token), "x-code": code})

        refused = await shop.get("/level", headers=bearer(pair.access_token))
        wrong = await step_up(pair.refresh_token, "000000")
        raised = await step_up(pair.refresh_token, "123456")
        again = await step_up(pair.refresh_token, "123456")
        accepted = await shop.get("/both", headers=bearer(raised.json()["access_token"]))

    assert (refused.status_code, accepted.status_code) == (401, 200)
    assert (wrong.status_code, wrong.json()["code"]) == (403, "permission_denied")
    assert (raised.status_code, raised.headers["cache-control"]) == (200, "no-store")
    assert (again.status_code, again.json()["code"]) == (401, "refresh_token_superseded")
    after = await engine.decode(raised.json()["access_token"])
    assert (after.sid, before.acr, after.acr) == (before.sid, "pwd", "mfa")


def step_up_in_litestar(given):
    """Return the names, with the route of the page in Litestar."""
    from litestar import Request, Response, post

    auth = given["auth"]

    @post("/step-up", status_code=200)
    async def step_up(request: Request) -> Response[dict]:
        code = request.headers.get("x-code", "")

        async def knows_code(claims):
            return await is_code_of(claims.sub, code)

        pair = await auth.refresh(request, check=knows_code, fresh=True, acr="mfa")
        return Response(pair.json_body(), headers={"Cache-Control": "no-store"})

    return {**given, "step_up": step_up}


def step_up_in_quart(given):
    """Add the route of the page to the app in Quart, and return the names."""
    from quart import request

    auth = given["auth"]

    @given["app"].post("/step-up")
    async def step_up():
        code = request.headers.get("x-code", "")

        async def knows_code(claims):
            return await is_code_of(claims.sub, code)

        pair = await auth.refresh(request, check=knows_code, fresh=True, acr="mfa")
        return pair.json_body(), {"Cache-Control": "no-store"}

    return given


STEP_UPS = {"litestar": step_up_in_litestar, "quart": step_up_in_quart}
