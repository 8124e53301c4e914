"""A handler that returns a pair sends the members that OAuth clients expect."""

from typing import Annotated, Any

import pytest
from litestar import Litestar, Response, post
from litestar.dto import DataclassDTO, DTOConfig

from tests.support import FrozenClock
from tokenward import NEVER, TokenEngine, TokenPair, TokenPolicy
from tokenward.testing.adapters.service import client_of, contract_engine
from tokenward_litestar import TokenAuth

PAIR = TokenPair("a", "r", 900, scope="orders:read", refresh_expires_in=60, csrf_token="secret")
BARE = TokenPair("a", "r", None)


async def body_of(clock: FrozenClock, *handlers: Any, path: str = "/") -> Any:
    """Return the JSON that a handler of an app with the plugin sends."""
    app = Litestar(handlers, plugins=[TokenAuth(contract_engine(clock))])
    async with client_of(app) as client:
        return (await client.post(path)).json()


def handler_of(pair: TokenPair, **options: Any) -> Any:
    """Return a handler that returns a pair."""

    @post("/", **options)
    async def log_in() -> TokenPair:
        return pair

    return log_in


@pytest.mark.parametrize("pair", [PAIR, BARE], ids=["with everything", "without values"])
async def test_a_pair(clock: FrozenClock, pair: TokenPair) -> None:
    """Members without a value are left out, and the CSRF token always."""
    assert await body_of(clock, handler_of(pair)) == pair.json_body()


async def test_the_pair_of_an_engine(clock: FrozenClock) -> None:
    """There is no null for tokens that never expire."""
    policy = TokenPolicy(
        required_claims={"iat", "sub", "jti", "type"}, access_lifetime=NEVER, refresh_lifetime=NEVER
    )
    engine = TokenEngine(contract_engine(clock).keys, policy=policy, clock=clock)
    sent = await body_of(clock, handler_of(await engine.issue_pair("alice")))
    assert set(sent) == {"access_token", "refresh_token", "token_type"}


async def test_a_response_with_a_pair(clock: FrozenClock) -> None:
    """Its headers and its status are kept; other content is not changed."""

    @post("/")
    async def log_in() -> Response[TokenPair]:
        return Response(PAIR, status_code=202, headers={"Cache-Control": "no-store"})

    @post("/other")
    async def refuse() -> Response[TokenPair]:
        return Response({"detail": "No."}, status_code=401)  # type: ignore[arg-type]

    app = Litestar([log_in, refuse], plugins=[TokenAuth(contract_engine(clock))])
    async with client_of(app) as client:
        response = await client.post("/")
        refused = await client.post("/other")
    assert (response.status_code, response.headers["cache-control"]) == (202, "no-store")
    assert response.json() == PAIR.json_body()
    assert (refused.status_code, refused.json()) == (401, {"detail": "No."})


async def test_a_dto_of_the_handler_decides(clock: FrozenClock) -> None:
    """The plugin is for handlers that have none."""
    dto = DataclassDTO[Annotated[TokenPair, DTOConfig(include={"access_token"})]]
    assert await body_of(clock, handler_of(PAIR, return_dto=dto)) == {"access_token": "a"}


async def test_pairs_in_other_types_are_not_changed(clock: FrozenClock) -> None:
    """Litestar writes them as any other data class."""

    @post("/")
    async def list_pairs() -> list[TokenPair]:
        return [BARE]

    (sent,) = await body_of(clock, list_pairs)
    assert sent["expires_in"] is None


def test_the_document(clock: FrozenClock) -> None:
    """Members that may be left out are not required, and none is null."""
    plugins = [TokenAuth(contract_engine(clock))]
    document = Litestar([handler_of(PAIR)], plugins=plugins).openapi_schema.to_schema()
    content = document["paths"]["/"]["post"]["responses"]["201"]["content"]
    (schema,) = [each["schema"] for each in content.values()]
    assert schema == {"$ref": "#/components/schemas/TokenPairBody"}
    body = document["components"]["schemas"]["TokenPairBody"]
    assert set(body["required"]) == {"access_token", "refresh_token", "token_type"}
    assert set(body["properties"]) == set(PAIR.json_body())
    assert body["properties"]["expires_in"] == {"type": "integer"}
