"""The programs of the page about refreshing a session."""

from types import SimpleNamespace

import pytest

from tests.docs.pages import block_with, run
from tests.support import SECRET
from tokenward import Claims, KeyRing, MemoryStore, PermissionDeniedError, TokenEngine
from tokenward.http import Authenticator, RequestView

PAGE = "refresh.md"


async def test_the_check_of_a_refresh(shop):
    """An inactive or removed user gets no new pair."""
    people = {"alice": SimpleNamespace(is_active=True), "bob": SimpleNamespace(is_active=False)}

    async def find(name):
        return people.get(name)

    given = {"auth": Authenticator(shop), "users": SimpleNamespace(find=find)}
    refresh = (await run(block_with(PAGE, "check=is_active"), given))["refresh"]
    for name in ("alice", "bob", "carol"):
        pair = await shop.issue_pair(name, claims={"tenant": "acme"})
        headers = [(b"authorization", f"Bearer {pair.refresh_token}".encode())]
        request = RequestView({"type": "http", "method": "POST", "headers": headers})
        if name == "alice":
            assert (await refresh(request)).access_token
        else:
            with pytest.raises(PermissionDeniedError):
                await refresh(request)


async def test_renewing_roles(clock):
    """A refresh runs the hook again, and both new tokens have the new roles."""

    class StaffClaims(Claims):
        roles: tuple[str, ...]

    roles = {"alice": ["reader", "editor"]}

    async def roles_of(subject):
        return roles[subject]

    engine = TokenEngine(
        KeyRing.from_secret(SECRET), claims_model=StaffClaims, store=MemoryStore(), clock=clock
    )
    block = block_with(PAGE, "async def renew_roles")
    await run(block, {"engine": engine, "roles_of": roles_of})
    pair = await engine.issue_pair("alice")
    assert (await engine.decode(pair.access_token)).roles == ("reader", "editor")

    roles["alice"] = ["reader"]
    renewed = await engine.refresh(pair.refresh_token)
    assert (await engine.decode(renewed.access_token)).roles == ("reader",)
    assert (await engine.decode(renewed.refresh_token, type="refresh")).roles == ("reader",)
