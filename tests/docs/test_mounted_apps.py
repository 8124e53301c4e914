"""The recipe for mounted apps, and its table of who refuses what."""

import pytest

from tests.docs.frameworks import FRAMEWORKS, bearer
from tests.docs.pages import ROOT, block_with, run
from tests.support import engine_with
from tokenward.http import Requirement, TokenMiddleware
from tokenward.testing.adapters.service import client_of

PHRASES = {
    "fastapi": "admin = FastAPI()",
    "litestar": "admin = Litestar(",
    "quart": 'admin = Quart("admin")',
}
APPS = {"fastapi": "app", "litestar": "app", "quart": "service"}
PROTECTS = {"fastapi": False, "litestar": True, "quart": False}
"""Whether the guards of the outer app protect the mounted one."""


@pytest.fixture(params=FRAMEWORKS)
def framework(request):
    """Return the name of a framework."""
    return request.param


async def mounted(framework, engine, **changes):
    """Return the app of the page, with a route without a guard in the mounted app."""
    block = block_with("mounted-apps.md", PHRASES[framework])
    # FastAPI and Litestar find the annotations of a handler in its module.
    names = {"engine": engine, "__name__": __name__}
    if framework == "litestar":
        block = block.replace(
            "admin = Litestar([users]", 'admin = Litestar([users, get("/open")(_open)]'
        )
        names["_open"] = _open
    else:
        block = block.replace("\napp = ", '\nadmin.get("/open")(_open)\napp = ')
        names["_open"] = _open
    for before, after in changes.get("edits", ()):
        assert before in block
        block = block.replace(before, after)
    names |= {"TokenMiddleware": TokenMiddleware, "Requirement": Requirement}
    return (await run(block, names))[APPS[framework]]


async def _open() -> dict[str, bool]:
    return {"open": True}


async def ask(app, path, token=None):
    """Return the status, and the code of a refusal."""
    async with client_of(app) as client:
        response = await client.get(path, headers={} if token is None else bearer(token))
    is_json = response.headers.get("content-type") == "application/json"
    return response.status_code, response.json().get("code") if is_json else None


async def test_one_auth_object_serves_both_apps(framework, clock):
    """The mounted app refuses with its own status, challenge and code."""
    engine = engine_with(clock)
    app = await mounted(framework, engine)
    weak = await engine.issue("alice")
    admin = await engine.issue("alice", scopes=["admin"])
    assert (await ask(app, "/admin/users", admin))[0] == 200
    assert await ask(app, "/admin/users", weak) == (403, "insufficient_scope")
    assert await ask(app, "/admin/users") == (401, "token_missing")
    await engine.revoke(admin)
    assert await ask(app, "/admin/users", admin) == (401, "token_revoked")


async def test_the_table_of_mounted_apps(framework, clock):
    """What the guards of the outer app protect."""
    app = await mounted(framework, engine_with(clock))
    is_protected = PROTECTS[framework]
    refused = (401, "token_missing")
    assert await ask(app, "/admin/open") == (refused if is_protected else (200, None))
    assert await ask(app, "/admin/none") == (refused if is_protected else (404, None))
    text = (ROOT / "docs" / "mounted-apps.md").read_text(encoding="utf-8")
    answers = [
        each for each in text.splitlines() if each.startswith("| the guards of the outer app")
    ]
    columns = [column.strip() for column in answers[0].split("|")[2:-1]]
    assert columns == [("yes" if PROTECTS[each] else "no") for each in FRAMEWORKS]


async def test_the_middleware_protects_the_whole_mounted_app(framework, clock):
    """In each framework, also the route without a guard."""
    engine = engine_with(clock)
    guard = 'TokenMiddleware(admin, auth.authenticator, Requirement(scopes=["admin"]))'
    assert guard in (ROOT / "docs" / "mounted-apps.md").read_text(encoding="utf-8")
    edits = {
        "fastapi": ('app.mount("/admin", admin)', f'app.mount("/admin", {guard})'),
        "litestar": ("await admin(scope", f"await {guard}(scope"),
        "quart": ('"/admin": admin', f'"/admin": {guard}'),
    }
    app = await mounted(framework, engine, edits=[edits[framework]])
    weak = await engine.issue("alice")
    admin = await engine.issue("alice", scopes=["admin"])
    assert await ask(app, "/admin/open") == (401, "token_missing")
    assert await ask(app, "/admin/open", weak) == (403, "insufficient_scope")
    assert (await ask(app, "/admin/open", admin))[0] == 200
    assert (await ask(app, "/admin/users", admin))[0] == 200
