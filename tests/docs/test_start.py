"""The first page: each of its three programs logs in, opens a route and logs out, as it says."""

import json
import re
from importlib import import_module

import pytest

from tests.docs.pages import ROOT, blocks_of
from tokenward.testing.adapters.service import client_of

PAGE = ROOT / "docs" / "start.md"
PROGRAMS = dict(zip(["fastapi", "litestar", "quart"], blocks_of(PAGE), strict=True))


@pytest.fixture(params=PROGRAMS)
def app(request, tmp_path, monkeypatch):
    """Save a program in a file, and return its app."""
    name = f"started_{request.param}"
    (tmp_path / f"{name}.py").write_text(PROGRAMS[request.param])
    monkeypatch.syspath_prepend(tmp_path)
    return import_module(name).app


def calls():
    """Return the calls of the page, and the output that the page shows after each."""
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(r"^\$ (curl [^\n]*)\n(\{[^\n]*\})?", text, re.MULTILINE)


async def test_the_program_of_the_first_page(app):
    """Its curl calls get the answers that the page shows."""
    log_in, me, log_out, me_again = calls()
    body = re.search(r"-d '(.*?)'", log_in[0]).group(1)
    async with client_of(app) as client:
        pair = (await client.post("/login", json=json.loads(body))).raise_for_status()
        assert pair.headers["cache-control"] == "no-store"
        bearer = {"Authorization": f"Bearer {pair.json()['access_token']}"}
        assert (await client.get("/me", headers=bearer)).json() == json.loads(me[1])
        assert not (await client.post("/logout", headers=bearer)).raise_for_status().content
        assert not log_out[1]
        refused = await client.get("/me", headers=bearer)
        assert refused.status_code == 401
        assert refused.json() == json.loads(me_again[1])


async def test_a_wrong_password_at_the_first_page(app):
    """It is 401, and nothing is issued."""
    login = {"name": "alice", "password": "looking-glass"}
    async with client_of(app) as client:
        answer = await client.post("/login", json=login)
    assert answer.status_code == 401
    assert "token" not in answer.text
