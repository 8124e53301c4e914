"""FastAPI with several engines: two in one app, one in a mounted app, and other configurations."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from tests.adapters import fastapi_service
from tests.adapters.fastapi_service import GOOD, Service, challenge_of
from tests.support import NOW, OTHER_SECRET, SECRET, FrozenClock, ShopClaims, payload_of, signed
from tokenward import Key, KeyRing, MemoryStore, TokenEngine, TokenPolicy
from tokenward.testing.adapters.service import bearer, client_of, contract_engine
from tokenward_fastapi import TokenAuth

service = fastapi_service.service  # a fixture


@pytest.fixture
async def two(clock: FrozenClock) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of an app with two engines: one for the shop, one for its staff."""
    shop = TokenAuth(contract_engine(clock), scheme_name="Shop", realm="shop")
    staff_engine = contract_engine(clock, key=Key.from_secret(OTHER_SECRET))
    staff = TokenAuth(staff_engine, scheme_name="Staff", realm="staff")
    app = FastAPI()
    shop.init_app(app)
    staff.init_app(app)

    @app.get("/shop")
    async def at_shop(claims: Annotated[ShopClaims, Depends(shop.required())]) -> str:
        return claims.sub

    @app.get("/staff")
    async def at_staff(claims: Annotated[ShopClaims, Depends(staff.required())]) -> str:
        return claims.sub

    @app.get("/both", dependencies=[Depends(shop.required()), Depends(staff.required())])
    async def at_both() -> None: ...

    async with client_of(app) as client:
        yield client


async def test_two_engines_refuse_each_others_tokens(two: httpx.AsyncClient) -> None:
    """A token of one engine is accepted only on the routes of that engine."""
    headers = list(bearer(GOOD))
    statuses = [
        (await two.get(path, headers=headers)).status_code for path in ("/shop", "/staff", "/both")
    ]

    assert statuses == [200, 401, 401]


async def test_two_engines_have_two_realms(two: httpx.AsyncClient) -> None:
    """The challenge names the realm of the engine that refused."""
    assert challenge_of(await two.get("/shop")) == 'Bearer realm="shop"'
    assert challenge_of(await two.get("/staff")) == 'Bearer realm="staff"'


async def test_two_engines_in_openapi(two: httpx.AsyncClient) -> None:
    """The document has the scheme of each engine, and each route names its own."""
    document = (await two.get("/openapi.json")).json()
    operations = {path: item["get"] for path, item in document["paths"].items()}

    assert set(document["components"]["securitySchemes"]) == {"Shop", "Staff"}
    assert operations["/shop"]["security"] == [{"Shop": []}]
    assert operations["/staff"]["security"] == [{"Staff": []}]
    assert all({"401", "403"} <= item["responses"].keys() for item in operations.values())


async def test_mounted_app(service: Service) -> None:
    """A mounted app with its own adapter uses its own engine."""
    inner = FastAPI()
    inner_auth = TokenAuth(service.engine, realm="inner")
    inner_auth.init_app(inner)

    @inner.get("/", dependencies=[Depends(inner_auth.required())])
    async def root() -> None: ...

    service.app.mount("/inner", inner)

    assert challenge_of(await service.get("/inner/", None)) == 'Bearer realm="inner"'
    assert (await service.get("/inner/")).status_code == 200


@pytest.mark.parametrize(("age_seconds", "status"), [(90, 200), (91, 401)])
async def test_recent_with_leeway(clock: FrozenClock, age_seconds: int, status: int) -> None:
    """The leeway of the policy applies to the age of a login as well."""
    policy = TokenPolicy(leeway=timedelta(seconds=30))
    engine = TokenEngine(KeyRing.from_secret(SECRET), policy=policy, clock=clock)
    auth = TokenAuth(engine)
    app = FastAPI()

    @app.get("/", dependencies=[Depends(auth.required(max_age=timedelta(minutes=1)))])
    async def root() -> None: ...

    token = signed(payload_of(auth_time=NOW - age_seconds))
    async with client_of(app) as client:
        response = await client.get("/", headers=list(bearer(token)))

    assert response.status_code == status


async def test_engine_without_a_store(clock: FrozenClock) -> None:
    """An engine without a store checks everything except revocation."""
    engine = TokenEngine(KeyRing.from_secret(SECRET), clock=clock)
    auth = TokenAuth(engine)
    app = FastAPI()

    @app.get("/", dependencies=[Depends(auth.required())])
    async def root() -> None: ...

    async with client_of(app) as client:
        token = await engine.issue("alice")
        response = await client.get("/", headers=list(bearer(token)))

    assert response.status_code == 200


def test_stateless(clock: FrozenClock) -> None:
    """Two adapters of one engine share no state that a request could change."""
    engine = TokenEngine(KeyRing.from_secret(SECRET), store=MemoryStore(), clock=clock)
    one, two = TokenAuth(engine, realm="one"), TokenAuth(engine, realm="two")

    assert (one.authenticator.realm, two.authenticator.realm) == ("one", "two")
    assert one.required() is not one.required()
