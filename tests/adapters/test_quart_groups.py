"""Quart's groups: one call guards the HTTP and WebSocket routes of a blueprint or of the app."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from quart import Blueprint, Quart, websocket

from tests.adapters import quart_service
from tests.adapters.quart_service import GOOD, ORDERS, Service, greet
from tokenward import ConfigurationError, KeyPublisher, KeyRing
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.exchanges import assert_answer
from tokenward.testing.adapters.service import bearer, client_of
from tokenward.testing.adapters.websocket_client import open_websocket

service = quart_service.service  # a fixture


def add_routes(group: Quart | Blueprint, auth: Any) -> None:
    """Add a route of each kind, without a guard."""

    @group.get("/sub")
    async def sub() -> str:
        return str(auth.current_claims.sub)

    @group.websocket("/ws")
    async def socket() -> None:
        await websocket.accept()
        await websocket.send(auth.current_claims.sub)


async def opened(app: Quart, path: str, token: str | None = None) -> bool:
    """Whether a WebSocket is accepted."""
    headers = () if token is None else bearer(token)
    return (await open_websocket(app, path, headers=headers)).accepted


@pytest.mark.parametrize("where", ["app", "blueprint", "outer", "twice"])
async def test_guard(service: Service, where: str) -> None:
    """A guarded group requires a token for HTTP and WebSockets, also in nested blueprints."""
    app, auth = service.app, service.auth
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    add_routes(inner, auth)
    for group in {"app": [app], "blueprint": [inner], "outer": [outer]}.get(where, [outer, inner]):
        auth.guard(group)
    outer.register_blueprint(inner, url_prefix="/inner")
    app.register_blueprint(outer, url_prefix="/outer")
    app.register_blueprint(outer, url_prefix="/again", name="again")

    for path in ("/outer/inner", "/again/inner"):
        assert_answer(await service.get(f"{path}/sub", None), answers.MISSING)
        assert (await service.get(f"{path}/sub")).text == "alice"
        assert not await opened(app, f"{path}/ws")
        assert await opened(app, f"{path}/ws", GOOD)


async def test_requirements_of_a_group(service: Service) -> None:
    """A group can have the requirements of `required`, and its routes can add more."""
    group = Blueprint("group", __name__)
    service.auth.guard(group, scopes=["orders:read"], check=lambda claims: claims.tenant == "acme")
    add_routes(group, service.auth)
    group.get("/more", endpoint="more")(service.auth.required(scopes=["more"])(lambda: ""))
    service.app.register_blueprint(group)

    assert_answer(await service.get("/sub"), answers.too_little("orders:read"))
    assert (await service.get("/sub", ORDERS)).text == "alice"
    assert_answer(await service.get("/more", ORDERS), answers.too_little("more"))
    assert [await opened(service.app, "/ws", token) for token in (GOOD, ORDERS)] == [False, True]


async def test_a_group_and_what_is_beside_it(service: Service) -> None:
    """Routes outside a guarded blueprint are public, and so are the published keys."""
    group = Blueprint("group", __name__)
    service.auth.guard(group)
    service.app.register_blueprint(group, url_prefix="/group")
    service.app.get("/open", endpoint="open")(lambda: "open")
    service.auth.publish_keys(service.app, KeyPublisher(KeyRing.generate()))

    for path in ("/open", "/.well-known/jwks.json"):
        assert (await service.get(path, None)).status_code == 200


async def test_the_app_with_its_files(service: Service, tmp_path: Path) -> None:
    """The guard of the app includes static files and unknown paths, but not the published keys."""
    (tmp_path / "file").write_text("inside")
    app = Quart(__name__, static_folder=str(tmp_path), static_url_path="/static")
    service.auth.init_app(app)
    service.auth.guard(app)
    service.auth.publish_keys(app, KeyPublisher(KeyRing.generate()))
    async with client_of(app) as client:
        paths = ["/static/file", "/unknown", "/.well-known/jwks.json"]
        asked = [(await client.get(path)).status_code for path in paths]
        opened = [(await client.get(p, headers=list(bearer(GOOD)))).status_code for p in paths]

    assert (asked, opened) == ([401, 401, 200], [200, 404, 200])


def before_request(auth: Any, group: Any, requirement: Any) -> None:
    """Guard a group as in Quart's documentation."""
    group.before_request(requirement(lambda: None))


def around(auth: Any, group: Any, requirement: Any) -> None:
    """Guard a group with a function that calls a guarded one."""
    guarded = requirement(lambda: None)

    async def guard() -> None:
        await guarded_by_hand()

    guarded_by_hand = guarded
    guard.__wrapped__ = guarded  # type: ignore[attr-defined]
    group.before_request(guard)


@pytest.mark.parametrize("where", ["app", "blueprint", "outer"])
@pytest.mark.parametrize("guard", [before_request, around])
async def test_an_open_socket_in_a_guarded_group(
    service: Service, where: str, guard: Callable[..., None]
) -> None:
    """An unguarded WebSocket in a group whose HTTP routes are guarded is refused."""
    app, auth = service.app, service.auth
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    add_routes(inner, auth)
    guard(auth, {"app": app, "blueprint": inner, "outer": outer}[where], auth.required())
    outer.register_blueprint(inner)
    app.register_blueprint(outer)

    with pytest.raises(
        ConfigurationError,
        match=r"^The WebSocket outer\.inner\.socket is unprotected: .* auth\.guard\(",
    ):
        await app.startup()
    assert not await opened(app, "/ws", GOOD)


@pytest.mark.parametrize(
    "how", ["decorated", "optional", "before_websocket", "guard", "optional group"]
)
async def test_a_guarded_socket_in_a_guarded_group(service: Service, how: str) -> None:
    """An app starts if its WebSocket is guarded in any way, or if the group is unguarded."""
    auth, group = service.auth, Blueprint("group", __name__)
    before_request(auth, group, auth.optional() if how == "optional group" else auth.required())
    decorate = {"decorated": auth.required(), "optional": auth.optional()}.get(how)
    group.websocket("/ws")(decorate(greet_nobody) if decorate else greet_nobody)
    if how == "before_websocket":
        group.before_websocket(auth.required()(lambda: None))
    if how == "guard":
        auth.guard(service.app)
    service.app.register_blueprint(group)

    async with service.app.test_app():
        is_guarded = how in {"decorated", "before_websocket", "guard"}
        assert await opened(service.app, "/ws") is not is_guarded


async def greet_nobody() -> None:
    """Accept every WebSocket."""
    await websocket.accept()


async def test_a_guard_in_a_blueprint_that_is_registered(service: Service) -> None:
    """A registered blueprint accepts no guard, because Quart would not call it."""
    group = Blueprint("group", __name__)
    service.app.register_blueprint(group)

    with pytest.raises(AssertionError, match="already been registered"):
        service.auth.guard(group)


@pytest.mark.parametrize("wrong", [greet, "admin", None], ids=["view", "text", "none"])
def test_what_is_no_group(service: Service, wrong: Any) -> None:
    """`guard` needs a blueprint or an app; the error names the decorator for views."""
    with pytest.raises(TypeError, match=r"needs a blueprint or an app: .* @auth\.required\(\)"):
        service.auth.guard(wrong)


def test_a_requirement_in_place_of_its_arguments(service: Service) -> None:
    """``guard(group, auth.required())`` is an error that shows the correct call."""
    with pytest.raises(TypeError, match=r"auth\.guard\(group, scopes="):
        service.auth.guard(Blueprint("group", __name__), service.auth.required())  # type: ignore[call-arg]


@pytest.mark.parametrize("arguments", [{"type": "id"}, {"fresh": 1}, {"carriers": []}], ids=str)
def test_what_cannot_be_meant(service: Service, arguments: dict[str, Any]) -> None:
    """An invalid argument is an error at once."""
    with pytest.raises(ConfigurationError):
        service.auth.guard(Blueprint("group", __name__), **arguments)


@pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])
async def test_beside_a_function_of_the_users_own(service: Service, is_first: bool) -> None:
    """A guard runs in order with the group's own before_request functions."""
    seen: list[str] = []
    if is_first:
        service.auth.guard(service.app)
    service.app.before_request(lambda: seen.append("own"))
    if not is_first:
        service.auth.guard(service.app)

    assert (await service.get("/", None)).status_code == 401
    assert seen == ([] if is_first else ["own"])


async def test_one_view_of_two_kinds(service: Service) -> None:
    """Quart's own static route and views without a function are ignored."""
    service.app.add_url_rule("/nothing", "nothing")
    with nullcontext():
        await service.app.startup()
