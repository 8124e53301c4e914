"""The snippets of the README are working programs."""

import re
from pathlib import Path

import httpx
import pytest

from tests.adapters.adapters import WANTED
from tests.support import SECRET, ShopClaims
from tokenward import KeyRing, TokenEngine

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("name", WANTED)
async def test_the_snippets_of_the_readme_run(clock, name):
    """Each snippet accepts only a token with the scope."""
    text = README.read_text(encoding="utf-8")
    (snippet,) = re.findall(rf"## {name}\n\n```python\n(.*?)```", text, re.DOTALL | re.IGNORECASE)
    engine = TokenEngine(KeyRing.from_secret(SECRET), claims_model=ShopClaims, clock=clock)
    names = {"engine": engine, "ShopClaims": ShopClaims, "__name__": __name__}
    exec(compile(snippet, "README.md", "exec"), names)  # noqa: S102 - our own document
    transport = httpx.ASGITransport(names["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        for scope, status in ((["orders:read"], 200), ([], 403)):
            token = await engine.issue("alice", claims={"tenant": "acme"}, scopes=scope)
            answer = await client.get("/orders", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status
        assert (await client.get("/orders")).json()["code"] == "token_missing"
