"""A service in Litestar whose streams end with the token."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

from litestar import Litestar, Request, get
from litestar.response import ServerSentEvent, Stream

from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward_litestar import TokenAuth


def build(
    engine: TokenEngine[ShopClaims],
    events: Callable[[], AsyncIterator[str]],
    check_every: timedelta,
) -> Litestar:
    """Build the service."""
    auth = TokenAuth(engine)

    async def stream(request: Request[Any, ShopClaims, Any]) -> Stream:
        lines = auth.stream_while_valid(request.auth, events(), check_every=check_every)
        return Stream(lines, media_type="text/plain")

    recent = auth.required(max_age=timedelta(minutes=10))
    streams = [
        get("/stream", guards=[auth.required()])(stream),
        get("/recent", guards=[recent])(stream),
    ]

    @get("/events", guards=[auth.required()])
    async def sent_events(request: Request[Any, ShopClaims, Any]) -> ServerSentEvent:
        texts = auth.stream_while_valid(request.auth, events(), check_every=check_every)
        return ServerSentEvent(texts)

    return Litestar([*streams, sent_events], plugins=[auth])
