"""The programs of the page about settings."""

import os

from tests.docs.pages import block_with, names_of, run
from tests.support import SECRET

PAGE = "settings.md"


async def test_an_engine_from_the_environment(monkeypatch, tmp_path):
    """The engine has the claims model of the page, and creates the tables of its store."""
    for name in [each for each in os.environ if each.startswith("TOKENWARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOKENWARD_SECRET", SECRET)
    monkeypatch.setenv("TOKENWARD_STORE_URL", f"sqlite+aiosqlite:///{tmp_path}/shop.db")
    names = await names_of(PAGE)
    engine = names["engine"]

    async def serve():
        pair = await engine.issue_pair("alice", claims={"tenant": "acme"})
        assert (await engine.decode(pair.access_token)).tenant == "acme"
        await engine.refresh(pair.refresh_token)
        served.append(pair)

    served = []
    block = block_with(PAGE, "engine.running(create_tables=True)")
    await run(block.replace("...  # serve", "await serve()"), {**names, "serve": serve})
    assert served
