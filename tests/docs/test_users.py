"""The files of the pages about users, written into a directory and imported: one shop in each framework."""

import re
import sys
from importlib import import_module
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher
from sqlalchemy import event

from tests.docs.pages import ROOT, blocks_of, run
from tests.support import SECRET
from tokenward import Claims, PermissionDeniedError
from tokenward.testing.adapters.service import client_of

BLOCKS = [
    block for name in ("users.md", "current-user.md") for block in blocks_of(ROOT / "docs" / name)
]
FILES = {match.group(1): block for block in BLOCKS if (match := re.match(r"# (\w+)\.py\n", block))}
REJECTED = 'Bearer realm="api", error="invalid_token", error_description="The token was rejected."'


class CountingHasher(PasswordHasher):
    """A hasher that records the hashes with which it compares a password."""

    def __init__(self):
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.compared = []

    def verify(self, hash, password):
        """Compare a password with a hash."""
        self.compared.append(hash)
        return super().verify(hash, password)


class Shop:
    """The modules of the page, an app and its client."""

    def __init__(self, framework):
        self.users, self.passwords, self.tokens = map(
            import_module, ("users", "passwords", "tokens")
        )
        self.hasher = self.passwords.hasher = CountingHasher()
        self.app = import_module(f"app_{framework}").app
        self.client = client_of(self.app)
        self.decoded, self.queries = [], []
        self.tokens.engine.after_decode(self.decoded.append)
        event.listen(self.users.database.sync_engine, "before_cursor_execute", self._record)

    def _record(self, connection, cursor, statement, *others):
        self.queries.append(statement)

    async def change(self, user_id, **values):
        """Change the row of a user."""
        async with self.users.sessions.begin() as session:
            user = await session.get(self.users.User, user_id)
            for name, value in values.items():
                setattr(user, name, value)

    async def log_in(self, name, password, **more):
        """Send a login, and return the answer."""
        form = {"grant_type": "password", "username": name, "password": password, **more}
        return await self.client.post("/token", data=form)

    async def get(self, path, token):
        """Send a request with an access token."""
        return await self.client.get(path, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(params=["fastapi", "litestar", "quart"])
async def shop(request, tmp_path, monkeypatch):
    """Return the shop of the page, with the users alice and root."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("TOKENWARD_SECRET", SECRET)
    shop = Shop(request.param)
    async with shop.users.database.begin() as connection:
        await connection.run_sync(shop.users.Base.metadata.create_all)
    shop.alice = await shop.passwords.add_user("alice", "wonderland")
    shop.root = await shop.passwords.add_user("root", "toor", role="admin")
    async with shop.client:
        yield shop
    await shop.users.database.dispose()
    for name in FILES:
        sys.modules.pop(name, None)


async def test_a_user_logs_in_and_uses_the_shop(shop):
    """Each route gets the user; a request verifies the token once, and loads the user once."""
    answer = await shop.log_in("alice", "wonderland")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    token = answer.json()["access_token"]

    assert (await shop.get("/me", token)).json() == {"name": "alice"}
    shop.queries.clear()
    assert (await shop.get("/orders", token)).json() == {"orders_of": "alice"}
    assert len(shop.queries) == 1
    assert len(shop.decoded) == 2
    assert {claims.sub for claims in shop.decoded} == {shop.alice.id}


async def test_a_role_is_that_of_the_table(shop):
    """A role that is taken away ends with the next request, whatever the token says."""
    alice, root = [
        (await shop.log_in(*login)).json()["access_token"]
        for login in (("alice", "wonderland"), ("root", "toor"))
    ]

    shop.queries.clear()
    assert (await shop.get("/admin", root)).json() == {"admin": "root"}
    assert len(shop.queries) == 1
    denied = await shop.get("/admin", alice)
    assert (denied.status_code, denied.json()["code"]) == (403, "permission_denied")
    await shop.change(shop.root.id, role="customer")
    assert (await shop.get("/admin", root)).status_code == 403


@pytest.mark.parametrize("gone", ["deactivated", "deleted"])
async def test_a_user_who_is_gone(shop, gone):
    """The access token gets a 401 with our challenge, and the refresh token no pair."""
    pair = (await shop.log_in("alice", "wonderland")).json()
    if gone == "deactivated":
        await shop.change(shop.alice.id, is_active=False)
    else:
        async with shop.users.sessions.begin() as session:
            await session.delete(await session.get(shop.users.User, shop.alice.id))

    for path in ("/me", "/orders", "/admin"):
        refused = await shop.get(path, pair["access_token"])
        assert (refused.status_code, refused.json()["code"]) == (401, "token_rejected")
        assert refused.headers["www-authenticate"] == REJECTED
    form = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    refused = await shop.client.post("/token", data=form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await shop.log_in("alice", "wonderland")).json()["error"] == "invalid_grant"


async def test_a_token_without_the_scope_costs_no_query(shop):
    """The scopes are checked before the user is loaded."""
    token = await shop.tokens.engine.issue(shop.alice.id)
    shop.queries.clear()

    assert (await shop.get("/orders", token)).json()["code"] == "insufficient_scope"
    assert shop.queries == []


async def test_an_unknown_name_costs_as_much_as_a_wrong_password(shop):
    """Each failed login compares one hash, and all get the same answer."""
    await shop.change(shop.root.id, is_active=False)
    answers = []
    for login in (("nobody", "x"), ("alice", "x"), ("root", "toor"), ("root", "x")):
        before = len(shop.hasher.compared)
        answers.append(await shop.log_in(*login))
        assert len(shop.hasher.compared) == before + 1

    assert {(answer.status_code, answer.content) for answer in answers} == {
        (400, answers[0].content)
    }
    assert answers[0].json()["error"] == "invalid_grant"


async def test_a_hash_with_former_parameters_is_replaced(shop):
    """The next login stores a new one, which the password still matches."""
    shop.passwords.hasher = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    for _ in range(2):
        assert (await shop.log_in("alice", "wonderland")).status_code == 200
        user = await shop.users.find_user(shop.alice.id)
        assert user.password_hash.startswith("$argon2id$v=19$m=8,t=2,p=1$")

    renewed = user.password_hash
    await shop.passwords.replace_hash(shop.alice, "of a login that was overtaken")
    assert (await shop.users.find_user(shop.alice.id)).password_hash == renewed


async def test_roles_and_objects():
    """The check reads a claim, and the handler refuses the order of another user."""

    class StaffClaims(Claims):
        roles: tuple[str, ...] = ()

    asked = []
    names = {"auth": SimpleNamespace(required=lambda *, check: asked.append(check))}
    (role,) = [block for block in BLOCKS if "def is_admin" in block]
    (order,) = [block for block in BLOCKS if "owner_id" in block]
    await run(role, names)
    assert [asked[0](StaffClaims(roles=roles)) for roles in (["admin"], [])] == [True, False]
    names = {"PermissionDeniedError": PermissionDeniedError, "user": SimpleNamespace(id="a")}
    await run(order, {**names, "order": SimpleNamespace(owner_id="a")})
    with pytest.raises(PermissionDeniedError):
        await run(order, {**names, "order": SimpleNamespace(owner_id="b")})
