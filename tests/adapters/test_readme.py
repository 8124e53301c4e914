"""The FastAPI snippet of the README is a program that works."""

import re
from pathlib import Path

import httpx

from tests.support import SECRET, ShopClaims
from tokenward import KeyRing, TokenEngine

README = Path(__file__).parents[2] / "README.md"


async def test_the_snippet_of_the_readme_runs(clock):
    """It lets in who has the scope, and nobody else."""
    text = README.read_text(encoding="utf-8")
    (snippet,) = re.findall(r"## FastAPI\n\n```python\n(.*?)```", text, re.DOTALL)
    engine = TokenEngine(KeyRing.from_secret(SECRET), claims_model=ShopClaims, clock=clock)
    names = {"engine": engine, "ShopClaims": ShopClaims}
    exec(compile(snippet, "README.md", "exec"), names)  # noqa: S102 - our own document
    transport = httpx.ASGITransport(names["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        for scope, status in ((["orders:read"], 200), ([], 403)):
            token = await engine.issue("alice", claims={"tenant": "acme"}, scope=scope)
            answer = await client.get("/orders", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status
        assert (await client.get("/orders")).json()["code"] == "token_missing"
