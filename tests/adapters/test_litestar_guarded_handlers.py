"""Handlers of Litestar that this adapter guards are not copied for each request."""

from collections.abc import Iterator
from copy import copy
from typing import Any, ClassVar, SupportsIndex

import pytest
from litestar import get
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from tests.adapters.litestar_service import Service, ask
from tests.support import FrozenClock
from tokenward.testing.adapters import answers


class Counted(HTTPRouteHandler):
    """A handler that counts its copies."""

    copies: ClassVar[int] = 0

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        Counted.copies += 1
        return super().__reduce_ex__(protocol)


@pytest.fixture
def service(clock: FrozenClock) -> Iterator[Service]:
    """Return an engine and its adapter."""
    yield Service(clock)
    Counted.copies = 0


async def inside() -> str:
    """Respond to every request that reaches the handler."""
    return "inside"


async def test_a_guard_alone_needs_no_copy(service: Service) -> None:
    """However many guards of this adapter a handler has."""
    guards = [service.auth.required(), service.auth.required(fresh=False)]
    app = service.app(Counted("/", http_method="GET", guards=guards)(inside))
    Counted.copies = 0

    assert (await ask(app)).text == "inside"
    assert (await ask(app, token=None)).json() == answers.MISSING.body
    assert Counted.copies == 0


async def test_other_guards_get_a_copy(service: Service) -> None:
    """A guard of the app cannot change the handler; nor can it without this adapter."""
    given: list[BaseRouteHandler] = []

    async def changing(_: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        given.append(handler)
        handler.name = "changed"

    app = service.app(
        Counted("/", http_method="GET", guards=[service.auth.required(), changing])(inside)
    )
    Counted.copies = 0

    assert (await ask(app)).text == "inside"
    assert Counted.copies == 1
    registered = app.routes[0].route_handlers[0]  # type: ignore[union-attr]
    assert (registered.name, given[0].name, given[0] is registered) == (None, "changed", False)


async def test_a_handler_keeps_its_kind(service: Service) -> None:
    """Guarded and copied handlers are of the class that the app chose, by its name too."""
    app = service.app(Counted("/", http_method="GET", guards=[service.auth.required()])(inside))
    registered = app.routes[0].route_handlers[0]  # type: ignore[union-attr]

    for handler in (registered, copy(registered)):
        assert isinstance(handler, Counted)
        assert (type(handler).__qualname__, type(handler).__module__) == ("Counted", __name__)


async def test_a_handler_of_a_decorator(service: Service) -> None:
    """Litestar warns of subclasses of its decorators; guarded handlers cause no warning."""
    app = service.app(get("/", guards=[service.auth.required()])(inside))

    assert isinstance(app.routes[0].route_handlers[0], get)  # type: ignore[union-attr]
    assert (await ask(app)).text == "inside"


async def test_a_handler_without_a_guard_stays_as_it_is(service: Service) -> None:
    """Also if the app has other guards."""

    async def nothing(*_: object) -> None:
        pass

    app = service.app(Counted("/", http_method="GET", guards=[nothing])(inside))

    assert type(app.routes[0].route_handlers[0]) is Counted  # type: ignore[union-attr]
    assert (await ask(app, token=None)).text == "inside"


async def test_a_handler_that_runs_its_guards_itself(service: Service) -> None:
    """Its method is called, and the guards run."""
    called: list[str] = []

    class Own(HTTPRouteHandler):
        async def authorize_connection(
            self, connection: ASGIConnection[Any, Any, Any, Any]
        ) -> None:
            called.append("own")
            await super().authorize_connection(connection)

    app = service.app(Own("/", http_method="GET", guards=[service.auth.required()])(inside))

    assert type(app.routes[0].route_handlers[0]) is Own  # type: ignore[union-attr]
    assert (await ask(app, token=None)).json() == answers.MISSING.body
    assert called == ["own"]
