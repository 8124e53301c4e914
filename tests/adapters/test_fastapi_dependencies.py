"""FastAPI's dependencies: their claims, their scopes, and where they can be used.

On a route, in another dependency, on a router, on the app: one verification and no thread.
"""

import inspect
import threading
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Security
from fastapi.routing import APIRoute

from tests.adapters import fastapi_service
from tests.adapters.fastapi_service import GOOD, ORDERS, Service, build, challenge_of
from tests.support import FrozenClock, ShopClaims
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.service import bearer, client_of, contract_engine, shop_token
from tokenward_fastapi import TokenAuth

service = fastapi_service.service  # a fixture


async def test_claims_are_the_users_own(service: Service) -> None:
    """The dependency's value is an instance of the engine's claims model."""
    seen: list[object] = []

    @service.app.get("/")
    async def root(claims: Annotated[ShopClaims, Depends(service.auth.required())]) -> None:
        seen.append(claims)

    await service.get("/")

    assert [type(claims) for claims in seen] == [ShopClaims]


async def test_each_request_has_its_own_claims(service: Service) -> None:
    """Two requests with the same token do not share a claims object or a part of one."""
    seen: list[ShopClaims] = []

    @service.app.get("/")
    async def root(claims: Annotated[ShopClaims, Depends(service.auth.required())]) -> None:
        claims.extra["role"] = f"set by request {len(seen)}"
        seen.append(claims)

    token = shop_token(role="customer")
    await service.get("/", token)
    await service.get("/", token)
    first, second = seen

    assert first is not second
    assert [claims.extra["role"] for claims in seen] == ["set by request 0", "set by request 1"]


async def test_one_request_shares_its_claims(service: Service) -> None:
    """All dependencies of one request have the same claims object."""
    required, scoped = service.auth.required(), service.auth.required(scopes=["orders:read"])

    @service.app.get("/")
    async def root(
        one: Annotated[ShopClaims, Depends(required)],
        two: Annotated[ShopClaims, Depends(scoped)],
        three: Annotated[ShopClaims | None, Depends(service.auth.optional())],
    ) -> bool:
        return one is two is three

    assert (await service.get("/", ORDERS)).json() is True


@pytest.mark.parametrize("declares", ["depends", "security", "nested", "router", "app", "all"])
async def test_one_verification(clock: FrozenClock, declares: str) -> None:
    """Whatever dependencies a request has, its signature is checked once."""
    service = Service(clock)
    auth = service.auth
    app = FastAPI(dependencies=[Depends(auth.required())] if declares in {"app", "all"} else [])
    auth.init_app(app)
    on_router = [Depends(auth.required())] if declares in {"router", "all"} else []
    router = APIRouter(dependencies=on_router)
    required = auth.required()

    async def user(claims: Annotated[ShopClaims, Security(required, scopes=["a"])]) -> str:
        return claims.sub

    parameter: Any = {
        "depends": Depends(required),
        "security": Security(required, scopes=["orders:read"]),
    }.get(declares, Security(user, scopes=["orders:read"]))

    @router.get("/", dependencies=[Depends(auth.required()), Security(required, scopes=["b"])])
    async def root(value: Annotated[object, parameter]) -> None:
        assert value

    app.include_router(router)

    @app.middleware("http")
    async def pass_on(request: Request, call_next: Callable[[Request], Any]) -> Any:
        return await call_next(request)

    async with client_of(app) as client:
        token = shop_token(scope="orders:read a b")
        response = await client.get("/", headers=list(bearer(token)))

    assert (response.status_code, service.key.verified) == (200, 1)


async def test_no_thread_hop(service: Service) -> None:
    """Everything runs in the thread of the event loop."""
    threads: set[int] = set()

    @service.engine.after_decode
    def note_thread(claims: ShopClaims) -> None:
        threads.add(threading.get_ident())

    def check(claims: ShopClaims) -> bool:
        threads.add(threading.get_ident())
        return True

    @service.app.get("/", dependencies=[Depends(service.auth.required(check=check))])
    async def root() -> None: ...

    response = await service.get("/")

    assert (response.status_code, threads) == (200, {threading.get_ident()})


@pytest.mark.parametrize("kind", ["required", "optional"])
def test_dependency_is_a_coroutine_function(service: Service, kind: str) -> None:
    """FastAPI, which inspects ``__call__``, recognises the dependency as a coroutine function."""
    dependency = getattr(service.auth, kind)()

    assert inspect.iscoroutinefunction(dependency.__call__)


def test_every_route_is_guarded_by_a_coroutine(clock: FrozenClock) -> None:
    """FastAPI runs no dependency of the contract's app in a thread."""
    routes = [
        route for route in build(contract_engine(clock)).routes if isinstance(route, APIRoute)
    ]
    calls = [each.call for route in routes for each in route.dependant.dependencies]

    assert calls
    assert all(inspect.iscoroutinefunction(call.__call__) for call in calls)


async def test_dependency_override(service: Service) -> None:
    """A user's test can override the dependency with claims."""
    current = service.auth.required()

    @service.app.get("/")
    async def root(claims: Annotated[ShopClaims, Depends(current)]) -> str:
        return claims.sub

    service.app.dependency_overrides[current] = lambda: ShopClaims(sub="tester", tenant="t")

    assert (await service.get("/", None)).json() == "tester"


async def test_works_in_a_plain_handler(service: Service) -> None:
    """A synchronous handler gets the claims as well."""

    @service.app.get("/")
    def root(claims: Annotated[ShopClaims, Depends(service.auth.required())]) -> str:
        return claims.sub

    assert (await service.get("/")).json() == "alice"


SCOPED = [
    ("none", "", 403, "orders:read"),
    ("another", "orders:write", 403, "orders:read"),
    ("enough", "orders:read", 200, None),
]


@pytest.mark.parametrize("kind", ["required", "optional"])
@pytest.mark.parametrize(("scope", "status", "wanted"), [row[1:] for row in SCOPED])
async def test_security_scopes(
    service: Service, kind: str, scope: str, status: int, wanted: str | None
) -> None:
    """The scopes of ``Security`` are required, and named in the challenge if they are missing."""
    dependency = getattr(service.auth, kind)()

    @service.app.get("/")
    async def root(claims: Annotated[object, Security(dependency, scopes=["orders:read"])]) -> None:
        assert claims

    response = await service.get("/", shop_token(scope=scope))

    assert response.status_code == status
    assert challenge_of(response) == (answers.too_little(wanted).challenge if wanted else None)


async def test_security_scopes_join_those_of_required(service: Service) -> None:
    """The scopes of ``required`` and of ``Security`` are required together, each named once."""
    dependency = service.auth.required(scopes=["a", "b"])

    @service.app.get("/")
    async def root(claims: Annotated[object, Security(dependency, scopes=["b", "c"])]) -> None: ...

    assert challenge_of(await service.get("/", shop_token(scope="b c"))) == (
        answers.too_little("a b c").challenge
    )
    assert (await service.get("/", shop_token(scope="c b a"))).status_code == 200


async def test_security_scopes_are_merged_along_nested_dependencies(service: Service) -> None:
    """A nested dependency requires the scopes of all dependencies above it."""
    required = service.auth.required()

    async def reader(claims: Annotated[ShopClaims, Security(required, scopes=["read"])]) -> str:
        return claims.sub

    async def writer(sub: Annotated[str, Security(reader, scopes=["write"])]) -> str:
        return sub

    @service.app.get("/reader")
    async def read(sub: Annotated[str, Depends(reader)]) -> str:
        return sub

    @service.app.get("/writer")
    async def write(sub: Annotated[str, Security(writer, scopes=["admin"])]) -> str:
        return sub

    tokens = {
        scope: shop_token(scope=scope) for scope in ("read", "read write", "admin write read")
    }
    statuses = {
        (path, scope): (await service.get(path, token)).status_code
        for path in ("/reader", "/writer")
        for scope, token in tokens.items()
    }

    assert statuses == {
        ("/reader", "read"): 200,
        ("/reader", "read write"): 200,
        ("/reader", "admin write read"): 200,
        ("/writer", "read"): 403,
        ("/writer", "read write"): 403,
        ("/writer", "admin write read"): 200,
    }


async def test_security_scopes_of_one_route_do_not_reach_another(service: Service) -> None:
    """One dependency object can be used on routes with different scopes."""
    required = service.auth.required()

    @service.app.get("/a", dependencies=[Security(required, scopes=["a"])])
    @service.app.get("/none", dependencies=[Depends(required)])
    async def root() -> None: ...

    token = shop_token(scope="b")

    assert [(await service.get(path, token)).status_code for path in ("/a", "/none", "/a")] == [
        403,
        200,
        403,
    ]


async def test_on_the_app(clock: FrozenClock) -> None:
    """A dependency of the app guards its routes, but not the documentation and 404 responses."""
    auth = TokenAuth(contract_engine(clock))
    app = FastAPI(dependencies=[Depends(auth.required())])
    auth.init_app(app)

    @app.get("/inside")
    async def inside() -> str:
        return "inside"

    async with client_of(app) as client:
        statuses = [
            (await client.get(path)).status_code
            for path in ("/inside", "/nowhere", "/docs", "/openapi.json")
        ]
        opened = await client.get("/inside", headers=list(bearer(GOOD)))

    assert (statuses, opened.status_code) == ([401, 404, 200, 200], 200)


async def test_on_an_included_router(service: Service) -> None:
    """A dependency of ``include_router`` guards only the routes of that router."""
    router = APIRouter()

    @router.get("/inside")
    async def inside() -> None: ...

    @service.app.get("/outside")
    async def outside() -> None: ...

    service.app.include_router(router, dependencies=[Depends(service.auth.required())])

    assert (await service.get("/inside", None)).status_code == 401
    assert (await service.get("/inside")).status_code == 200
    assert (await service.get("/outside", None)).status_code == 200
