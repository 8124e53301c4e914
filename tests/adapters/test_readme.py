"""The programs of the README run as they are."""

import re
from importlib import import_module
from pathlib import Path

import httpx
import pytest

from tests.adapters.adapters import WANTED

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", WANTED)
async def test_the_program_of_the_readme(name, tmp_path, monkeypatch):
    """It accepts a token of its engine, and nothing else."""
    programs = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    (program,) = [each for each in programs if f"from tokenward_{name} " in each]
    (tmp_path / f"readme_{name}.py").write_text(program)
    monkeypatch.syspath_prepend(tmp_path)
    module = import_module(f"readme_{name}")
    token = await module.auth.authenticator.engine.issue("alice")
    transport = httpx.ASGITransport(module.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        answer = await client.get("/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.json() == {"name": "alice"}
        assert (await client.get("/me")).json()["code"] == "token_missing"
        if name == "fastapi":
            wrong = await client.post("/login", auth=("alice", "looking-glass"))
            assert wrong.status_code == 401
            pair = await client.post("/login", auth=("alice", "wonderland"))
            assert list(pair.json()) == shown_members()
            bearer = {"Authorization": f"Bearer {pair.json()['access_token']}"}
            assert (await client.get("/me", headers=bearer)).json() == {"name": "alice"}


def shown_members():
    """Return the names in the response that the README shows, in this order."""
    (shown,) = re.findall(r'^\{"access_token".*$', README, re.MULTILINE)
    return re.findall(r'"(\w+)":', shown)
