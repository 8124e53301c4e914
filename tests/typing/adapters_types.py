"""What a type checker must see of the adapters; it is checked by mypy, and never run."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, assert_type

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from litestar import Request as LitestarRequest
from litestar import get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Operation
from quart import Quart
from quart import request as quart_request

import tokenward_fastapi
import tokenward_litestar
import tokenward_quart
from tokenward import BearerHeader, Claims, KeyRing, TokenEngine, TokenPair
from tokenward.http import ResourceMetadata
from tokenward.testing import acting_as, signed_in


class ShopClaims(Claims):
    """A user's claims."""

    tenant: str


engine = TokenEngine(KeyRing.generate(), claims_model=ShopClaims)
fastapi_auth = tokenward_fastapi.TokenAuth(engine, carriers=[BearerHeader()], realm="shop")
litestar_auth = tokenward_litestar.TokenAuth(engine, scheme_name="Shop", dependency_key="user")
quart_auth = tokenward_quart.TokenAuth(engine, carriers=[BearerHeader()], realm="shop")

assert_type(fastapi_auth, tokenward_fastapi.TokenAuth[ShopClaims])
assert_type(litestar_auth, tokenward_litestar.TokenAuth[ShopClaims])
assert_type(quart_auth, tokenward_quart.TokenAuth[ShopClaims])

assert_type(BearerHeader().token_in(["Bearer a.b.c", b"Bearer a.b.c"]), bytes | None)
assert_type(fastapi_auth.required(scopes=["a"]), Callable[..., Awaitable[ShopClaims]])
assert_type(fastapi_auth.optional(fresh=True), Callable[..., Awaitable[ShopClaims | None]])


@get("/", guards=[litestar_auth.required(check=lambda claims: claims.tenant == "acme")])
async def orders() -> dict[str, str]:
    """Handle a request in Litestar."""
    return {}


@quart_auth.required(check=lambda claims: claims.tenant == "acme")
async def hello(name: str) -> str:
    """Handle a request in Quart: the decorator keeps the type of the function."""
    assert_type(quart_auth.current_claims, ShopClaims)
    return name


assert_type(fastapi_auth.responses, dict[int | str, dict[str, Any]])
assert_type(litestar_auth.responses, dict[int, ResponseSpec])
assert_type(fastapi_auth.refresh_operation(carriers=[BearerHeader()]), dict[str, Any])
assert_type(litestar_auth.refresh_operation(), type[Operation])


@post("/session", responses=litestar_auth.responses)
async def session() -> None:
    """Log in with Litestar."""


FastAPI().post("/session", responses=fastapi_auth.responses)(hello)
Quart("shop").post("/session")(quart_auth.responses(hello))


async def use() -> None:
    """Call the decorated function as Quart does."""
    assert_type(await hello("Ada"), str)
    assert_type(await quart_auth.responses(hello)("Ada"), str)
    assert_type(await quart_auth.refresh_operation()(hello)("Ada"), str)


async def is_acme(claims: ShopClaims) -> bool:
    """Check the claims of a refresh token."""
    return claims.tenant == "acme"


async def refresh(request: Request, litestar_request: LitestarRequest[None, None, State]) -> None:
    """Check before a refresh; the claims are those of the engine."""
    assert_type(await fastapi_auth.refresh(request, check=is_acme), TokenPair)
    await litestar_auth.refresh(litestar_request, check=lambda claims: claims.tenant == "acme")
    await quart_auth.refresh(quart_request, check=is_acme)
    await fastapi_auth.refresh(request, check=lambda claims: claims.nothing)  # type: ignore[attr-defined]
    await quart_auth.refresh(quart_request, check="acme")  # type: ignore[arg-type]


async def events() -> AsyncIterator[bytes]:
    """Stream something."""
    yield b""


def stream(claims: ShopClaims) -> None:
    """Keep the type of a stream's items; refuse the claims of an optional guard and a sync stream."""
    stream = fastapi_auth.stream_while_valid(claims, events())
    assert_type(stream, AsyncGenerator[bytes, None])
    litestar_auth.stream_while_valid(None, events())  # type: ignore[arg-type]
    quart_auth.stream_while_valid(claims, [b""])  # type: ignore[arg-type]


def run_tests(client: TestClient) -> None:
    """Use the test kit: the client keeps its type, and the claims must be those of the engine."""
    with signed_in(client, fastapi_auth, "alice", claims={"tenant": "acme"}) as same:
        assert_type(same, TestClient)
    signed_in(client, fastapi_auth, "alice", dpop=True)
    for auth in (fastapi_auth, litestar_auth, quart_auth):
        with acting_as(auth, ShopClaims(sub="alice", tenant="acme")):
            pass
    acting_as(fastapi_auth, Claims(sub="alice"))  # type: ignore[misc]
    signed_in(client, engine, "alice")  # type: ignore[arg-type]


async def load_user(
    claims: ShopClaims, connection: ASGIConnection[None, str, ShopClaims, State]
) -> str | None:
    """Return the user of a token, or None."""
    return claims.tenant


def load_nobody(claims: ShopClaims) -> None:
    """Lack the connection."""


tokenward_litestar.TokenAuth(engine, load_user=load_user)
tokenward_litestar.TokenAuth(engine, load_user=lambda claims, connection: claims.tenant)
tokenward_litestar.TokenAuth(engine, load_user=load_nobody)  # type: ignore[arg-type]

# The parameters are known: a wrong name and a wrong value are errors.
fastapi_auth.required(scope=["a"])  # type: ignore[call-arg]
litestar_auth.optional(type="session")  # type: ignore[arg-type]
quart_auth.required(lambda: None)  # type: ignore[arg-type, call-arg]

metadata = ResourceMetadata("https://api.example", authorization_servers=["https://a.example"])
tokenward_fastapi.TokenAuth(engine, resource=metadata).publish_resource(FastAPI())
tokenward_litestar.TokenAuth(engine, resource=metadata)
tokenward_quart.TokenAuth(engine, resource=metadata).publish_resource(Quart("shop"))
tokenward_quart.TokenAuth(engine, resource="https://api.example")  # type: ignore[arg-type]
ResourceMetadata("https://api.example")  # type: ignore[call-arg]
ResourceMetadata("https://a.example", authorization_servers=[], bearer_methods=["cookie"])  # type: ignore[list-item]
