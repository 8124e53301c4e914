"""A service with the password flow in each framework, and Swagger UI beside it."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordRequestForm
from litestar import Litestar, Request, get, post
from litestar.enums import RequestEncodingType
from litestar.exceptions import NotAuthorizedException
from litestar.params import Body
from quart import Quart, abort, request
from quart_schema import QuartSchema

import tokenward_fastapi
import tokenward_litestar
import tokenward_quart
from tokenward import BearerHeader, Claims, KeyRing, TokenEngine

USER, PASSWORD = "alice", "correct horse"
# Where each framework serves its document.
DOCUMENTS = {
    "fastapi": "/openapi.json",
    "litestar": "/schema/openapi.json",
    "quart": "/openapi.json",
}
SCOPES = {"orders:read": "Read orders", "orders:write": "Place orders"}

_engine = TokenEngine(KeyRing.generate())


def carriers():
    """Return a header with the password flow."""
    return [BearerHeader(token_url="/token", scopes=SCOPES)]


async def pair_for(username, password, scope):
    """Return a pair as JSON; None if the password is wrong."""
    if (username, password) != (USER, PASSWORD):
        return None
    return (await _engine.issue_pair(username, scopes=scope.split())).json_body()


def fastapi_app():
    """Return the service in FastAPI."""
    app = FastAPI(title="Shop")
    auth = tokenward_fastapi.TokenAuth(_engine, carriers=carriers())
    auth.init_app(app)

    @app.post("/token", include_in_schema=False)
    async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, str | int]:
        pair = await pair_for(form.username, form.password, " ".join(form.scopes))
        if pair is None:
            raise HTTPException(400)
        return pair

    @app.get("/orders")
    async def orders(
        claims: Annotated[Claims, Depends(auth.required(scopes=["orders:read"]))],
    ) -> dict[str, str]:
        return {"orders_of": claims.sub}

    @app.get("/prices")
    async def prices(
        claims: Annotated[Claims | None, Depends(auth.optional())],
    ) -> dict[str, str]:
        return {"prices_for": claims.sub if claims else "everyone"}

    return app


def litestar_app():
    """Return the service in Litestar."""
    auth = tokenward_litestar.TokenAuth(_engine, carriers=carriers())

    @post("/token", include_in_schema=False)
    async def token(
        data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
    ) -> dict[str, str | int]:
        pair = await pair_for(data["username"], data["password"], data.get("scope", ""))
        if pair is None:
            raise NotAuthorizedException
        return pair

    @get("/orders", guards=[auth.required(scopes=["orders:read"])])
    async def orders(request: Request[Any, Claims, Any]) -> dict[str, str]:
        return {"orders_of": request.auth.sub}

    @get("/prices", guards=[auth.optional()])
    async def prices(request: Request[Any, Claims | None, Any]) -> dict[str, str]:
        return {"prices_for": request.auth.sub if request.auth else "everyone"}

    return Litestar([token, orders, prices], plugins=[auth])


def quart_app():
    """Return the service in Quart."""
    app = Quart("shop")
    QuartSchema(app)
    auth = tokenward_quart.TokenAuth(_engine, carriers=carriers())
    auth.init_app(app)

    @app.post("/token")
    async def token():
        form = await request.form
        pair = await pair_for(form["username"], form["password"], form.get("scope", ""))
        return pair if pair is not None else abort(400)

    @app.get("/orders")
    @auth.required(scopes=["orders:read"])
    async def orders():
        return {"orders_of": auth.current_claims.sub}

    @app.get("/prices")
    @auth.optional()
    async def prices():
        claims = auth.get_claims()
        return {"prices_for": claims.sub if claims else "everyone"}

    return app


BUILDERS = {"fastapi": fastapi_app, "litestar": litestar_app, "quart": quart_app}

_PAGE = """<!doctype html><html lang="en"><title>Shop</title>
<link rel="stylesheet" href="/ui/swagger-ui.css"><div id="ui"></div>
<script src="/ui/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({{dom_id: "#ui", url: "{document}", defaultModelsExpandDepth: -1}})</script>
"""


class WithSwaggerUi:
    """Middleware that serves the files of `swagger-ui-dist`, and a page with one document."""

    def __init__(self, app, directory, document):
        """Store the app that answers all other requests."""
        page = _PAGE.format(document=document).encode()
        self.app = app
        self.files = {
            "/ui": (page, b"text/html; charset=utf-8"),
            "/ui/swagger-ui.css": ((directory / "swagger-ui.css").read_bytes(), b"text/css"),
            "/ui/swagger-ui-bundle.js": (
                (directory / "swagger-ui-bundle.js").read_bytes(),
                b"text/javascript; charset=utf-8",
            ),
        }

    async def __call__(self, scope, receive, send):
        """Answer one request, as ASGI defines it."""
        file = self.files.get(scope.get("path"))
        if file is None:
            await self.app(scope, receive, send)
            return
        content, media_type = file
        headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
