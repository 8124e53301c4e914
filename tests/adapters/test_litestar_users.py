"""The users behind the claims in Litestar: `load_user` and ``request.user``."""

import json
from typing import Any

import pytest
from litestar import Litestar, Request, WebSocket, get
from litestar.connection import ASGIConnection
from litestar.handlers import websocket

from tests.adapters.litestar_service import (
    EXPIRED,
    GOOD,
    ORDERS,
    Service,
    ask,
    challenge_of,
    connect,
)
from tests.support import FrozenClock, ShopClaims
from tokenward import BearerHeader, ConfigurationError, TokenRevokedError
from tokenward.testing import acting_as
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.service import bearer, check, client_of, contract_engine, shop_token
from tokenward.testing.adapters.token_requests import FORGED
from tokenward.testing.adapters.websocket_client import DENIAL_RESPONSE
from tokenward_litestar import TokenAuth

Connection = ASGIConnection[Any, Any, Any, Any]
OWN = BearerHeader(name="X-Own")


class Users:
    """A user table that records who was looked up."""

    def __init__(self, **users: object) -> None:
        self.users = users
        self.asked: list[tuple[ShopClaims, Connection]] = []

    async def load(self, claims: ShopClaims, connection: Connection) -> object:
        """Return the user of a token, or None."""
        self.asked.append((claims, connection))
        return self.users.get(str(claims.sub))


@pytest.fixture
def users() -> Users:
    """Return a table with one user."""
    return Users(alice="Alice Liddell")


@pytest.fixture
def service(clock: FrozenClock, users: Users) -> Service:
    """Return an engine, and an adapter that loads users."""
    return Service(clock, load_user=users.load)


async def _name(request: Request[Any, ShopClaims, Any]) -> dict[str, object]:
    return {"user": request.user, "sub": request.auth and request.auth.sub}


def named(service: Service, *guards: Any, path: str = "/", **options: Any) -> Litestar:
    """Build an app with one handler that answers with the user."""
    return service.app(get(path, guards=guards)(_name), **options)


async def test_the_user_of_a_request(service: Service, users: Users) -> None:
    """The function gets the claims and the connection of the request."""
    answer = await ask(named(service, service.auth.required()))

    assert answer.json() == {"user": "Alice Liddell", "sub": "alice"}
    [(claims, connection)] = users.asked
    assert (claims.tenant, connection.url.path) == ("acme", "/")


async def test_a_plain_function(clock: FrozenClock) -> None:
    """The function may be sync, and every object except None is a user."""
    service = Service(clock, load_user=lambda claims, connection: 0)

    assert (await ask(named(service, service.auth.required()))).json() == {
        "user": 0,
        "sub": "alice",
    }


async def test_each_request_asks_once(service: Service, users: Users) -> None:
    """Several guards of one route share the user; the next request asks again."""
    required = service.auth.required
    guards = [required(scopes=["orders:read"]), service.auth.optional()]
    app = named(service, *guards, guards=[required()])
    for _ in range(2):
        assert (await ask(app, token=ORDERS)).json()["user"] == "Alice Liddell"

    assert len(users.asked) == 2


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, "token_missing"),
        (FORGED, "signature_invalid"),
        (EXPIRED, "token_expired"),
        (shop_token(type="refresh"), "token_type_invalid"),
        (GOOD, "insufficient_scope"),
        (shop_token(scope="orders:read", tenant="says-false"), "permission_denied"),
    ],
    ids=["missing", "forged", "expired", "type", "scope", "check"],
)
async def test_nothing_is_asked_for_a_refused_token(
    service: Service, users: Users, token: str | None, code: str
) -> None:
    """The token is verified, and its scopes are checked, before a user is loaded."""
    app = named(service, service.auth.required(scopes=["orders:read"], check=check))

    assert (await ask(app, token=token)).json()["code"] == code
    assert users.asked == []


async def test_a_handler_that_is_excluded_has_no_user(service: Service, users: Users) -> None:
    """Nothing is asked where the guard does not apply."""

    @get("/", exclude_from_auth=True)
    async def public() -> str:
        return "public"

    app = service.app(public, guards=[service.auth.required()])

    assert (await ask(app)).text == "public"
    assert users.asked == []


async def test_optional_without_a_token(service: Service, users: Users) -> None:
    """The user is None as the claims are, and nothing is asked."""
    app = named(service, service.auth.optional())

    assert (await ask(app, token=None)).json() == {"user": None, "sub": None}
    assert users.asked == []


async def test_a_user_who_is_gone(service: Service) -> None:
    """The request is refused as one with an invalid token, with the same challenge."""
    app = named(service, service.auth.required())
    answer = await ask(app, token=shop_token(sub="bob"))

    assert (answer.status_code, answer.json()) == (401, answers.REJECTED.body)
    assert challenge_of(answer) == answers.REJECTED.challenge
    optional = named(service, service.auth.optional())
    assert (await ask(optional, token=shop_token(sub="bob"))).status_code == 401


@pytest.mark.parametrize(
    ("extensions", "status"), [(DENIAL_RESPONSE, 401), ({}, None)], ids=["denial", "close"]
)
async def test_websockets(
    service: Service, users: Users, extensions: dict[str, object], status: int | None
) -> None:
    """The handshake asks once; if the user is gone, the WebSocket is refused before it is accepted."""

    @websocket("/ws", guards=[service.auth.required(), service.auth.required()])
    async def greet(socket: WebSocket[Any, ShopClaims, Any]) -> None:
        await socket.accept()
        await socket.send_text(socket.user)
        await socket.close()

    app = service.app(greet)
    assert (await connect(app, "/ws")).messages == ["Alice Liddell"]
    assert len(users.asked) == 1

    refused = await connect(app, "/ws", shop_token(sub="bob"), extensions=extensions)
    assert refused.status == status
    if status:
        assert json.loads(refused.body) == answers.REJECTED.body
    else:
        assert (refused.close_code, refused.close_reason) == (1008, "token_rejected")


async def test_the_function_may_refuse_itself(clock: FrozenClock) -> None:
    """A TokenError is the refusal of the guard; any other error is a server error, never a pass."""

    async def load_user(claims: ShopClaims, connection: Connection) -> None:
        if claims.tenant == "acme":
            raise TokenRevokedError
        raise LookupError

    service = Service(clock, load_user=load_user)
    app = named(service, service.auth.required())

    assert (await ask(app)).json() == answers.REVOKED.body
    assert (await ask(app, token=shop_token(tenant="other"))).status_code == 500


async def test_two_tokens_of_one_request(clock: FrozenClock, users: Users) -> None:
    """The user is that of the claims: if the next guard reads another token, it is asked again."""
    users.users["bob"] = "Bob"
    service = Service(clock, load_user=users.load)
    auth = service.auth
    app = named(service, auth.required(), auth.required(type="refresh", carriers=[OWN]))
    refresh = shop_token(sub="bob", type="refresh").encode()

    answer = await ask_with(app, *bearer(GOOD), (b"x-own", b"Bearer " + refresh))

    assert answer == {"user": "Bob", "sub": "bob"}


async def ask_with(app: Litestar, *headers: tuple[bytes, bytes]) -> object:
    """Return the JSON of the answer to a request with headers."""
    async with client_of(app) as client:
        return (await client.get("/", headers=[*headers])).json()


@pytest.mark.parametrize("both", [True, False])
async def test_two_engines(clock: FrozenClock, both: bool) -> None:
    """`request.user` is that of the only one with a function; of two it would be ambiguous."""
    shop = TokenAuth(contract_engine(clock), load_user=lambda claims, _: f"shop:{claims.sub}")
    staff = TokenAuth(
        contract_engine(clock),
        carriers=[OWN],
        dependency_key="staff",
        scheme_name="Staff",
        load_user=(lambda claims, _: f"staff:{claims.sub}") if both else None,
    )

    @get("/", guards=[shop.required(), staff.required()])
    async def root(request: Request[Any, Any, Any]) -> dict[str, object]:
        return {"has_user": "user" in request.scope, "user": request.scope.get("user")}

    app = Service(clock).app(root, plugins=[shop, staff])
    answer = await ask_with(app, *bearer(GOOD), (b"x-own", b"Bearer " + GOOD.encode()))

    expected = (
        {"has_user": False, "user": None} if both else {"has_user": True, "user": "shop:alice"}
    )
    assert answer == expected


async def test_without_the_function_there_is_no_user(clock: FrozenClock) -> None:
    """The ``user`` of another middleware is kept."""
    service = Service(clock)

    @get("/", guards=[service.auth.required()])
    async def root(request: Request[Any, Any, Any]) -> bool:
        return "user" in request.scope

    assert (await ask(service.app(root))).json() is False


async def test_claims_of_a_test(service: Service, users: Users) -> None:
    """`acting_as` loads the user of its claims, once."""
    app = named(service, service.auth.required(), service.auth.required())
    with acting_as(service.auth, ShopClaims(sub="alice", tenant="acme")):
        assert (await ask(app, token=None)).json()["user"] == "Alice Liddell"

    assert len(users.asked) == 1


def test_the_document_is_the_same(clock: FrozenClock, service: Service) -> None:
    """The function changes nothing in the OpenAPI document."""
    plain = Service(clock)
    documents = [
        named(each, each.auth.required()).openapi_schema.to_schema() for each in (plain, service)
    ]

    assert documents[0] == documents[1]


@pytest.mark.parametrize(
    "wrong",
    ["alice", Users, lambda claims: None, lambda: None],
    ids=["text", "class", "claims only", "nothing"],
)
def test_a_function_that_cannot_be_called(clock: FrozenClock, wrong: Any) -> None:
    """It is found when the `TokenAuth` is created."""
    with pytest.raises(ConfigurationError, match="load_user must be a function"):
        Service(clock, load_user=wrong)
