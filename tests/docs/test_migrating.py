"""The program of the page that chooses how to migrate; tests/migration has those of the other pages."""

import time

from tests.docs.pages import block_with, run
from tests.support import OTHER_SECRET, SECRET, signed
from tokenward import Key, KeyRing, MemoryStore, TokenEngine, TokenPolicy
from tokenward.http import Requirement


async def test_a_former_engine_next_to_the_new_one(monkeypatch):
    """New tokens, and those without an issuer that the old secret has signed, are accepted."""
    monkeypatch.setenv("FORMER_SECRET", OTHER_SECRET)
    policy = TokenPolicy(issuer="https://shop.example", audience="shop-api")
    engine = TokenEngine(KeyRing.from_secret(SECRET), policy=policy)
    block = block_with("migrating.md", "FormerEngine(").replace("2027", "9999")
    names = await run(block, {"engine": engine, "store": MemoryStore()})
    verify = names["auth"].authenticator.verify
    payload = {"sub": "bob", "exp": int(time.time()) + 900}
    former = signed(payload, key=Key.from_secret(OTHER_SECRET))
    assert (await verify(await engine.issue("alice"), Requirement())).sub == "alice"
    assert (await verify(former, Requirement())).sub == "bob"
