"""What mypy and pyright must accept: each carrier in each place that takes carriers."""

from fastapi import Request as FastAPIRequest
from litestar import Request as LitestarRequest
from litestar.datastructures import State
from quart import request as quart_request

from tokenward import BearerHeader, CookieCarrier, KeyRing, TokenEngine
from tokenward.http import (
    Carrier,
    HeaderCarrier,
    ProxyCookieCarrier,
    QueryCarrier,
    RequestView,
    WebSocketProtocolCarrier,
)
from tokenward_fastapi import TokenAuth as FastAPITokenAuth
from tokenward_litestar import TokenAuth as LitestarTokenAuth
from tokenward_quart import TokenAuth as QuartTokenAuth

engine = TokenEngine(KeyRing.generate())
carriers: list[Carrier] = [
    BearerHeader(),
    CookieCarrier(refresh_path="/session"),
    HeaderCarrier("X-Assertion"),
    ProxyCookieCarrier("assertion"),
    QueryCarrier(),
    WebSocketProtocolCarrier(),
]
FastAPITokenAuth(engine, carriers=[BearerHeader(), CookieCarrier()])
LitestarTokenAuth(engine, carriers=[BearerHeader(), CookieCarrier()]).required(carriers=carriers)
QuartTokenAuth(engine, carriers=[BearerHeader(), CookieCarrier()]).optional(carriers=carriers)


async def views(
    fastapi_request: FastAPIRequest, litestar_request: LitestarRequest[object, object, State]
) -> tuple[RequestView, ...]:
    """A view takes the scope of each framework as it is typed there."""
    return (
        RequestView(fastapi_request.scope, fastapi_request.body),
        RequestView(litestar_request.scope, litestar_request.body),
        RequestView(quart_request.scope),
    )
