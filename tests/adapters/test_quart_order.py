"""Quart's decorators in the wrong order: a handler that is open by mistake is never served."""

import pytest
from quart import Blueprint

from tests.adapters import quart_service
from tests.adapters.asgi_websocket import open_websocket
from tests.adapters.quart_service import GOOD, Service
from tokenward import ConfigurationError
from tokenward_quart import TokenAuth, current_claims

service = quart_service.service  # a fixture


def add_open_route(service: Service) -> list[str]:
    """Add a route above which the decorator stands, and give a list that tells whether it was run."""
    seen: list[str] = []

    @service.auth.required()
    @service.app.get("/")
    async def orders() -> str:
        seen.append("called")
        return ""

    return seen


async def test_wrong_order_does_not_start(service: Service) -> None:
    """An app with an open route does not start, and says which it is and what to do."""
    add_open_route(service)

    with pytest.raises(ConfigurationError, match=r"^orders is open: .* below @app\.route"):
        await service.app.startup()
    with pytest.raises(Exception, match=r"orders is open: .* below @app\.route"):
        await service.app.test_app().startup()


@pytest.mark.parametrize("token", [None, GOOD], ids=["none", "good"])
async def test_wrong_order_without_lifespan(service: Service, token: str | None) -> None:
    """Where no server says that it starts, the app answers nothing at all."""
    seen = add_open_route(service)

    assert [(await service.get("/", token)).status_code for _ in range(2)] == [500, 500]
    assert seen == []


async def test_wrong_order_of_a_socket(service: Service) -> None:
    """An open WebSocket is never accepted."""
    seen: list[str] = []

    @service.auth.required()
    @service.app.websocket("/ws")
    async def socket() -> None:
        seen.append("called")

    outcome = await open_websocket(service.app, "/ws")

    assert (outcome.accepted, seen) == (False, [])
    with pytest.raises(ConfigurationError, match=r"^socket is open"):
        await service.app.startup()


@pytest.mark.parametrize("kind", ["before_request", "before_websocket"])
async def test_wrong_order_of_a_guard(service: Service, kind: str) -> None:
    """A guard of a blueprint that is decorated after it is registered is found as well."""
    group = Blueprint("group", __name__)

    @service.auth.required()
    @getattr(group, kind)
    async def guard() -> None: ...

    service.app.register_blueprint(group)

    with pytest.raises(ConfigurationError, match=r"^guard is open"):
        await service.app.startup()


async def test_wrong_order_in_a_blueprint(service: Service) -> None:
    """An open route of a blueprint is named in full, whichever of the decorators it is."""
    group = Blueprint("group", __name__)

    @service.auth.optional()
    @group.get("/")
    async def orders() -> str:
        return ""

    service.app.register_blueprint(group)

    with pytest.raises(ConfigurationError, match=r"^group\.orders is open"):
        await service.app.startup()


async def test_wrong_order_for_a_second_engine(service: Service) -> None:
    """Each `TokenAuth` looks for what it decorated itself."""
    other = TokenAuth(service.engine)
    other.init_app(service.app)
    other.required()(quart_service.greet)
    service.app.websocket("/ws")(quart_service.greet)

    with pytest.raises(ConfigurationError, match=r"^greet is open"):
        await service.app.startup()


async def test_raw_on_purpose(service: Service) -> None:
    """A handler that is registered both raw and decorated is served as both."""

    async def orders() -> dict[str, str]:
        return {"sub": current_claims.sub}

    @service.app.get("/open")
    async def hello() -> str:
        return "hello"

    service.app.get("/guarded", endpoint="guarded")(service.auth.required()(hello))
    service.app.get("/orders")(service.auth.required()(orders))

    async with service.app.test_app():
        assert (await service.get("/open", None)).text == "hello"
        assert (await service.get("/guarded", None)).status_code == 401
        assert (await service.get("/guarded")).text == "hello"
        assert (await service.get("/orders")).json() == {"sub": "alice"}
