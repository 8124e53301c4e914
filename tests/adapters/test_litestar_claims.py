"""Claims in Litestar: in ``request.auth`` and in a handler argument."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Controller, Request, get
from litestar.di import Provide

from tests.adapters.litestar_service import (
    GOOD,
    ORDERS,
    NamedDependency,
    Service,
    ask,
    challenge_of,
    maybe_at,
    sub_at,
)
from tests.support import OTHER_SECRET, FrozenClock, ShopClaims
from tokenward import BearerHeader, Claims, Key
from tokenward.http import RequestView
from tokenward.testing.adapters.service import bearer, client_of, contract_engine, shop_token
from tokenward_litestar import TokenAuth


@pytest.fixture
def service(clock: FrozenClock) -> Service:
    """Return an engine and its adapter."""
    return Service(clock)


async def test_both_ways_lead_to_the_same(service: Service) -> None:
    """``request.auth`` and the argument are the same object, of the engine's claims model."""
    seen: list[object] = []

    @get("/", guards=[service.auth.required(), service.auth.optional()])
    async def root(
        request: Request[Any, ShopClaims, Any], claims: NamedDependency[ShopClaims]
    ) -> None:
        seen.extend([request.auth, claims])

    await ask(service.app(root))

    assert [type(each) for each in seen] == [ShopClaims, ShopClaims]
    assert seen[0] is seen[1]


async def test_each_request_has_its_own_claims(service: Service) -> None:
    """Two requests with the same token do not share a claims object or a part of one."""
    seen: list[ShopClaims] = []

    @get("/", guards=[service.auth.required()])
    async def root(claims: NamedDependency[ShopClaims]) -> None:
        claims.extra["role"] = f"set by request {len(seen)}"
        seen.append(claims)

    app, token = service.app(root), shop_token(role="customer")
    await ask(app, token=token)
    await ask(app, token=token)

    assert seen[0] is not seen[1]
    assert [claims.extra["role"] for claims in seen] == ["set by request 0", "set by request 1"]


@pytest.mark.parametrize(("token", "sub"), [(GOOD, "alice"), (None, None)])
async def test_optional(service: Service, token: str | None, sub: str | None) -> None:
    """Without a token the claims of an optional guard are None, in both places."""

    @get("/auth", guards=[service.auth.optional()])
    async def auth(request: Request[Any, ShopClaims | None, Any]) -> dict[str, str | None]:
        return {"sub": request.auth and request.auth.sub}

    app = service.app(maybe_at("/", service.auth.optional()), auth)

    assert (await ask(app, token=token)).json() == {"sub": sub}
    assert (await ask(app, "/auth", token)).json() == {"sub": sub}


async def test_a_handler_in_a_thread(service: Service) -> None:
    """A synchronous handler gets the claims as well."""

    @get("/", guards=[service.auth.required()], sync_to_thread=True)
    def root(claims: NamedDependency[ShopClaims]) -> str:
        return claims.sub

    assert (await ask(service.app(root))).text == "alice"


async def test_claims_of_a_parent_class(service: Service) -> None:
    """A handler may annotate the argument with `Claims`, a base of the engine's model."""

    @get("/", guards=[service.auth.required()])
    async def root(claims: NamedDependency[Claims]) -> str:
        return type(claims).__name__

    assert (await ask(service.app(root))).text == "ShopClaims"


async def test_claims_in_another_dependency(service: Service) -> None:
    """A user's dependency can use the claims, and clean up after the request."""
    seen: list[str] = []

    async def user(claims: NamedDependency[ShopClaims]) -> AsyncIterator[str]:
        yield claims.sub
        seen.append("cleaned up")

    class Users(Controller):
        guards = (service.auth.required(),)
        dependencies = {"user": Provide(user)}  # noqa: RUF012 - as Litestar's own are written

        @get("/")
        async def root(self, user: NamedDependency[str]) -> str:
            return user

    assert (await ask(service.app(Users))).text == "alice"
    assert seen == ["cleaned up"]


async def test_own_dependency_key(clock: FrozenClock) -> None:
    """The argument can have another name; the default name is then free for other uses."""
    service = Service(clock, dependency_key="token")

    @get("/", guards=[service.auth.required()])
    async def root(token: NamedDependency[ShopClaims], claims: NamedDependency[int]) -> list[Any]:
        return [token.sub, claims]

    app = service.app(root, dependencies={"claims": Provide(_seven, sync_to_thread=False)})

    assert (await ask(app)).json() == ["alice", 7]


def _seven() -> int:
    return 7


async def test_own_dependency_wins(service: Service) -> None:
    """A dependency of the app with the same name takes precedence, for example in a user's test."""

    def tester() -> ShopClaims:
        return ShopClaims(sub="tester", tenant="t")

    dependencies = {"claims": Provide(tester, sync_to_thread=False)}
    app = service.app(sub_at("/", service.auth.optional()), dependencies=dependencies)

    assert (await ask(app, token=None)).json() == {"sub": "tester"}


OWN = BearerHeader(name="X-Staff")


async def test_two_engines(clock: FrozenClock) -> None:
    """Two engines in one app verify the tokens of their routes."""
    shop = TokenAuth(contract_engine(clock), realm="shop")
    staff_engine = contract_engine(clock, key=Key.from_secret(OTHER_SECRET))
    staff = TokenAuth(staff_engine, scheme_name="Staff", realm="staff", dependency_key="staff")
    service = Service(clock)
    app = service.app(
        get("/shop", guards=[shop.required()])(_who),
        get("/staff", guards=[staff.required()])(_who),
        get("/both", guards=[shop.required(), staff.required()])(_who),
        plugins=[shop, staff],
    )
    theirs = await staff_engine.issue("eve", claims={"tenant": "acme"})
    answers = {
        (path, name): await ask(app, path, token)
        for path in ("/shop", "/staff", "/both")
        for name, token in {"shop": GOOD, "staff": theirs}.items()
    }

    assert {key: answer.text for key, answer in answers.items() if answer.status_code == 200} == {
        ("/shop", "shop"): "alice",
        ("/staff", "staff"): "eve",
    }
    realms = [challenge_of(await ask(app, path, None)) for path in ("/shop", "/staff", "/both")]
    assert realms == [f'Bearer realm="{realm}"' for realm in ("shop", "staff", "shop")]


async def _who(request: Request[Any, ShopClaims, Any]) -> str:
    return request.auth.sub


async def test_claims_of_two_engines_in_one_request(clock: FrozenClock) -> None:
    """Each argument has the claims of its engine; `request.auth` of both would be ambiguous."""
    shop = TokenAuth(contract_engine(clock))
    staff_engine = contract_engine(clock, key=Key.from_secret(OTHER_SECRET))
    staff = TokenAuth(staff_engine, carriers=[OWN], scheme_name="Staff", dependency_key="staff")

    async def root(
        claims: NamedDependency[ShopClaims], staff: NamedDependency[ShopClaims]
    ) -> list[str]:
        return [claims.sub, staff.sub]

    app = Service(clock).app(
        get("/one", guards=[shop.required(), staff.required()])(root),
        get("/two", guards=[staff.required(), shop.required()])(root),
        get("/auth", guards=[shop.required(), staff.required(), shop.optional()])(_who),
        plugins=[shop, staff],
    )
    theirs = await staff_engine.issue("eve", claims={"tenant": "acme"})
    headers = [*bearer(GOOD), (b"x-staff", b"Bearer " + theirs.encode())]
    async with client_of(app) as client:
        answers = [await client.get(path, headers=headers) for path in ("/one", "/two", "/auth")]

    assert [answer.json() for answer in answers[:2]] == [["alice", "eve"]] * 2
    assert answers[2].status_code == 500


async def test_a_carrier_of_the_users_own(clock: FrozenClock) -> None:
    """A user's carrier gets the same view of the request as the carriers of the core."""

    class PathCarrier(BearerHeader):
        def read_token(self, request: RequestView, type: str) -> bytes | None:
            return next(iter(request.query_values(b"t")), None)

    service = Service(clock, carriers=[PathCarrier()])
    app = service.app(sub_at("/", service.auth.required()))

    assert (await ask(app, f"/?t={ORDERS}", None)).json() == {"sub": "alice"}
    assert (await ask(app)).status_code == 401
