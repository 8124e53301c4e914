"""A service in Quart whose streams end with the token."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from quart import Quart, Response, make_response

from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward_quart import TokenAuth


def build(
    engine: TokenEngine[ShopClaims],
    events: Callable[[], AsyncIterator[str]],
    check_every: timedelta,
) -> Quart:
    """Build the service."""
    auth = TokenAuth(engine)
    app = Quart(__name__)
    auth.init_app(app)

    async def stream() -> AsyncIterator[str]:
        return auth.stream_while_valid(auth.current_claims, events(), check_every=check_every)

    recent = auth.required(max_age=timedelta(minutes=10))
    app.get("/stream", endpoint="stream")(auth.required()(stream))
    app.get("/recent", endpoint="recent")(recent(stream))

    @app.get("/events")
    @auth.required()
    async def sent_events() -> Response:
        texts = auth.stream_while_valid(auth.current_claims, events(), check_every=check_every)
        response = await make_response(
            (f"data: {text}\n\n" async for text in texts), {"Content-Type": "text/event-stream"}
        )
        response.timeout = None
        return response

    return app
