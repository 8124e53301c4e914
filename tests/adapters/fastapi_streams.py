"""A service in FastAPI whose streams end with the token."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse

from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward_fastapi import TokenAuth


def build(
    engine: TokenEngine[ShopClaims],
    events: Callable[[], AsyncIterator[str]],
    check_every: timedelta,
) -> FastAPI:
    """Build the service."""
    auth = TokenAuth(engine)
    app = FastAPI()
    auth.init_app(app)

    @app.get("/stream")
    async def stream(claims: Annotated[ShopClaims, Depends(auth.required())]) -> StreamingResponse:
        lines = auth.stream_while_valid(claims, events(), check_every=check_every)
        return StreamingResponse(lines, media_type="text/plain")

    recent = auth.required(max_age=timedelta(minutes=10))

    @app.get("/recent")
    async def recent_stream(claims: Annotated[ShopClaims, Depends(recent)]) -> StreamingResponse:
        return await stream(claims)

    _add_events(app, auth, events, check_every)
    return app


def _add_events(
    app: FastAPI,
    auth: TokenAuth[ShopClaims],
    events: Callable[[], AsyncIterator[str]],
    check_every: timedelta,
) -> None:
    try:
        from fastapi.sse import EventSourceResponse, ServerSentEvent
    except ImportError:  # Before FastAPI 0.135.
        app.add_api_route("/events", _written(auth, events, check_every))
        return

    @app.get("/events", response_class=EventSourceResponse)
    async def sent_events(
        claims: Annotated[ShopClaims, Depends(auth.required())],
    ) -> AsyncIterator[ServerSentEvent]:
        async for text in auth.stream_while_valid(claims, events(), check_every=check_every):
            yield ServerSentEvent(raw_data=text)


def _written(
    auth: TokenAuth[ShopClaims],
    events: Callable[[], AsyncIterator[str]],
    check_every: timedelta,
) -> Callable[..., object]:
    async def written(claims: Annotated[ShopClaims, Depends(auth.required())]) -> StreamingResponse:
        texts = auth.stream_while_valid(claims, events(), check_every=check_every)
        return StreamingResponse(
            (f"data: {text}\n\n" async for text in texts), media_type="text/event-stream"
        )

    return written
