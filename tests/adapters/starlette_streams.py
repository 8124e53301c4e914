"""A service in Starlette whose streams end with the token."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.adapters.starlette_adapter import TokenAuth
from tests.support import ShopClaims
from tokenward import TokenEngine


def build(
    engine: TokenEngine[ShopClaims],
    events: Callable[[], AsyncIterator[str]],
    check_every: timedelta,
) -> Starlette:
    """Build the service."""
    auth = TokenAuth(engine)

    def texts_for(request: Request) -> AsyncIterator[str]:
        claims = request.state.claims
        return auth.stream_while_valid(claims, events(), check_every=check_every)

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(texts_for(request), media_type="text/plain")

    @auth.required()
    async def sent_events(request: Request) -> StreamingResponse:
        lines = (f"data: {text}\n\n" async for text in texts_for(request))
        return StreamingResponse(lines, media_type="text/event-stream")

    recent = auth.required(max_age=timedelta(minutes=10))
    return Starlette(
        routes=[
            Route("/stream", auth.required()(stream)),
            Route("/recent", recent(stream)),
            Route("/events", sent_events),
        ]
    )
