"""How Quart's handlers read claims, and what happens if there are no claims."""

from functools import partial
from typing import Any

import pytest

from tests.adapters import quart_service
from tests.adapters.quart_service import GOOD, Service
from tests.support import FrozenClock
from tokenward import BearerHeader, ConfigurationError
from tokenward.http import QueryCarrier
from tokenward.testing.adapters.service import client_of, contract_engine
from tokenward_quart import TokenAuth, current_claims

service = quart_service.service  # a fixture


async def said(service: Service, read: Any, decorator: Any = None, token: str | None = GOOD) -> str:
    """Return the value that a handler read, or the message of the RuntimeError."""

    async def handler() -> str:
        try:
            return repr(read())
        except RuntimeError as error:
            return str(error)

    service.app.get("/")(decorator(handler) if decorator else handler)
    return (await service.get("/", token)).text


@pytest.mark.parametrize(
    "name", ["get_claims", "current_claims", "stand-in"], ids=["get", "current", "stand-in"]
)
async def test_without_a_guard(service: Service, name: str) -> None:
    """Reading claims in an unguarded request is an error, whatever token it carries."""
    read = {
        "get_claims": service.auth.get_claims,
        "current_claims": lambda: service.auth.current_claims,
        "stand-in": lambda: current_claims.sub,
    }[name]

    assert "auth.required() or" in await said(service, read)


async def test_optional_without_a_token(service: Service) -> None:
    """If `optional` found no token, `get_claims` returns None and `current_claims` raises."""
    seen: list[Any] = []

    def read() -> None:
        seen.append(service.auth.get_claims())
        seen.append(service.auth.current_claims)

    message = await said(service, read, service.auth.optional(), token=None)

    assert (seen, "call auth.get_claims()" in message) == ([None], True)


@pytest.mark.parametrize("name", ["/theirs", "/ours"])
async def test_claims_of_two_authenticators(clock: FrozenClock, name: str) -> None:
    """The claims of one `TokenAuth` are never those of another."""
    service = Service(clock, carriers=[QueryCarrier()])
    ours = service.auth
    theirs = TokenAuth(contract_engine(clock), carriers=[BearerHeader()])
    theirs.init_app(service.app)
    guard, other = (theirs, ours) if name == "/theirs" else (ours, theirs)

    @service.app.get(name)
    @guard.required()
    async def one() -> dict[str, str]:
        with pytest.raises(RuntimeError, match="does not guard the current request"):
            other.get_claims()
        with pytest.raises(RuntimeError, match="does not guard the current request"):
            _ = other.current_claims
        return {"current": guard.current_claims.sub, "only": current_claims.sub}

    async with client_of(service.app) as client:
        response = await client.get(
            f"{name}?access_token={GOOD}", headers={"Authorization": f"Bearer {GOOD}"}
        )

    assert response.json() == {"current": "alice", "only": "alice"}


async def test_a_request_that_two_authenticators_let_in(service: Service) -> None:
    """If both guard the request, each has its own claims, and the proxy `current_claims` raises."""
    engine = contract_engine(service.engine.now)  # type: ignore[arg-type]
    second = TokenAuth(engine, carriers=[QueryCarrier()])
    second.init_app(service.app)

    @service.app.get("/")
    @second.optional()
    @service.auth.required()
    async def both() -> dict[str, Any]:
        with pytest.raises(RuntimeError, match="Two TokenAuth"):
            _ = current_claims.sub
        return {"first": service.auth.current_claims.sub, "second": second.get_claims()}

    assert (await service.get("/")).json() == {"first": "alice", "second": None}


class Orders:
    """An object whose method is a view."""

    async def orders(self) -> str:
        """Accept every request: the proxy is never None."""
        return "inside" if current_claims is not None else "outside"


async def orders() -> str:
    """Read `current_claims` in the same way."""
    return "inside" if current_claims is not None else "outside"


@pytest.mark.parametrize("view", [orders, Orders().orders], ids=["function", "method"])
async def test_the_stand_in_where_claims_are_optional(service: Service, view: Any) -> None:
    """An app whose handler compares `current_claims` with None is refused."""
    service.app.get("/")(service.auth.optional()(view))

    with pytest.raises(
        ConfigurationError, match=r"^orders has optional claims .* auth\.get_claims\(\)"
    ):
        await service.app.startup()


async def test_optional_in_a_group_that_demands_a_token(service: Service) -> None:
    """Attributes named `current_claims`, and guards that require a token, are accepted."""
    auth = service.auth

    @service.app.get("/attribute")
    @auth.optional()
    async def attribute() -> str:
        return auth.current_claims.sub

    @service.app.get("/both")
    @auth.required()
    @auth.optional()
    async def both() -> str:
        return current_claims.sub

    service.app.get("/partial", endpoint="partial")(auth.optional()(partial(str, "")))

    async with service.app.test_app():
        for path in ("/attribute", "/both"):
            assert (await service.get(path)).text == "alice"
