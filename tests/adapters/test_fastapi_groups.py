"""What the dependencies of a FastAPI app protect, and what they do not, as described on the pages."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse

from tests.adapters.fastapi_service import EXPIRED, GOOD
from tests.support import FrozenClock, ShopClaims
from tokenward import TokenEngine
from tokenward.testing.adapters.service import (
    OUTAGE,
    REVOKED_TOKEN,
    bearer,
    client_of,
    contract_engine,
    revoke_some,
    shop_token,
)
from tokenward_fastapi import TokenAuth

PAGE = Path(__file__).parents[2] / "docs" / "middleware.md"
OPEN = ("/plain", "/shop/orders", "/docs", "/redoc", "/openapi.json")


def show(_: object) -> PlainTextResponse:
    """Respond to every request."""
    return PlainTextResponse("orders")


def app_of(auth: TokenAuth[ShopClaims], *, is_guarded: bool) -> FastAPI:
    """Build an app with every kind of route that FastAPI supports."""
    app = FastAPI(dependencies=[Depends(auth.required())] if is_guarded else [])
    auth.init_app(app)
    app.get("/orders")(lambda: "orders")
    app.add_route("/plain", show)
    shop = FastAPI()
    shop.get("/orders")(lambda: "orders")
    app.mount("/shop", shop)
    return app


@pytest.fixture
def engine(clock: FrozenClock) -> TokenEngine[ShopClaims]:
    """Return the engine of the contract."""
    return contract_engine(clock)


async def statuses_of(client: httpx.AsyncClient, *headers: tuple[bytes, bytes]) -> dict[str, int]:
    """Request every route of the app."""
    paths = ("/orders", *OPEN)
    return {path: (await client.get(path, headers=[*headers])).status_code for path in paths}


async def test_the_dependencies_of_an_app_protect_its_path_operations_alone(
    engine: TokenEngine[ShopClaims],
) -> None:
    """Mounted apps, plain routes and the documentation stay public."""
    async with client_of(app_of(TokenAuth(engine), is_guarded=True)) as client:
        assert await statuses_of(client) == {"/orders": 401, **dict.fromkeys(OPEN, 200)}


def guard(app: FastAPI, auth: TokenAuth[ShopClaims]) -> None:
    """Add the middleware of the page."""
    text = PAGE.read_text(encoding="utf-8")
    (program,) = re.findall(r"## FastAPI's own.*?```python\n(.*?)```", text, re.DOTALL)
    exec(compile(program, PAGE.name, "exec"), {"app": app, "auth": auth})  # noqa: S102 - our own document


async def test_the_middleware_of_the_page_protects_everything(
    engine: TokenEngine[ShopClaims],
) -> None:
    """Path operations, plain routes, mounts and the documentation need a valid token."""
    auth = TokenAuth(engine)
    app = app_of(auth, is_guarded=False)
    guard(app, auth)
    paths = ("/orders", *OPEN)
    async with client_of(app) as client:
        assert await statuses_of(client) == dict.fromkeys(paths, 401)
        assert await statuses_of(client, *bearer(EXPIRED)) == dict.fromkeys(paths, 401)
        assert await statuses_of(client, *bearer(GOOD)) == dict.fromkeys(paths, 200)


async def test_the_middleware_of_the_page_answers_as_a_dependency_does(
    engine: TokenEngine[ShopClaims], clock: FrozenClock
) -> None:
    """Missing, invalid and revoked tokens and outages get the same responses as with a dependency."""
    await revoke_some(engine, clock)
    auth = TokenAuth(engine)
    guarded, open_app = app_of(auth, is_guarded=True), app_of(auth, is_guarded=False)
    guard(open_app, auth)
    tokens = [GOOD[:-9], EXPIRED, shop_token(jti=REVOKED_TOKEN), shop_token(sub=OUTAGE)]
    statuses = set()
    async with client_of(guarded) as by_dependency, client_of(open_app) as by_middleware:
        for headers in ((), *map(bearer, tokens)):
            first = await by_dependency.get("/orders", headers=headers)
            second = await by_middleware.get("/orders", headers=headers)
            assert (first.status_code, first.json()) == (second.status_code, second.json())
            for name in ("www-authenticate", "retry-after"):
                assert first.headers.get(name) == second.headers.get(name)
            statuses.add(first.status_code)
    assert statuses == {401, 503}


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_mounted_app_needs_an_init_app_of_its_own(
    engine: TokenEngine[ShopClaims], is_told: bool
) -> None:
    """Without it, refusals have no code, and a TokenError of a handler becomes a server error."""
    auth = TokenAuth(engine)
    shop = FastAPI()
    if is_told:
        auth.init_app(shop)

    @shop.get("/orders", dependencies=[Depends(auth.required())])
    async def orders() -> str:
        return "orders"

    @shop.get("/raises")
    async def raises() -> None:
        await engine.decode(EXPIRED)

    app = FastAPI()
    auth.init_app(app)
    app.mount("/shop", shop)
    transport: Any = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.example") as client:
        answer = await client.get("/shop/orders")
        assert (answer.status_code, "code" in answer.json()) == (401, is_told)
        answer = await client.get("/shop/raises")
        assert answer.status_code == (401 if is_told else 500)
