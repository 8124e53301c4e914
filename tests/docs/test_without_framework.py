"""The page about the core without a framework."""

import pytest

from tests.docs.pages import block_with, names_of, run
from tokenward.errors import InsufficientScopeError, MissingTokenError

PAGE = "without-framework.md"


@pytest.mark.parametrize("scope", ["orders:read", "orders:write"])
async def test_authenticating_a_request(shop, scope):
    """The result is the claims, or a refusal if the token lacks the scope."""
    token = await shop.issue("alice", claims={"tenant": "acme"}, scopes=[scope])
    request = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }
    names = await names_of(PAGE, engine=shop, scope=request)
    found = await run(block_with(PAGE, "authenticator.authenticate"), names)
    if scope == "orders:read":
        assert found["claims"].tenant == "acme"
    else:
        assert found["refusal"].status == 403


@pytest.mark.parametrize("scope", ["orders:read", "orders:write"])
async def test_verifying_a_token_without_http(shop, scope):
    """The text of a token without its scope, or no token, is refused."""
    names = await names_of(PAGE, engine=shop)
    block = await run(block_with(PAGE, "async def list_orders(metadata)"), names)
    token = await shop.issue("alice", claims={"tenant": "acme"}, scopes=[scope])
    if scope == "orders:read":
        assert await block["list_orders"]({"token": token}) == "orders of alice"
    else:
        with pytest.raises(InsufficientScopeError):
            await block["list_orders"]({"token": token})
    with pytest.raises(MissingTokenError):
        await block["list_orders"]({})
