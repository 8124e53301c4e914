"""What only one library has: its other tokens, its scopes, its cookies, its kinds of subjects."""

import os
import re
import time
from datetime import timedelta

import httpx
import pytest
from authx import AuthX, AuthXConfig
from flask import Flask
from flask_jwt_extended import JWTManager
from flask_jwt_extended import create_access_token as flask_token
from litestar import Litestar
from litestar.security.jwt import JWTCookieAuth
from quart import Quart
from quart_jwt_extended import JWTManager as QuartJWTManager
from quart_jwt_extended import create_access_token as quart_token

from tests.migration.migrations import MIGRATIONS, client_of
from tests.migration.programs import Page, changed, load
from tokenward import KeyRing, TokenEngine, TokenPolicy
from tokenward.errors import InvalidAudienceError, InvalidClaimError, TokenRejectedError
from tokenward_quart import TokenAuth

YEAR = 365 * 86_400


def program_of(page, step):
    """Return the module of a program after a step, which accepts old tokens for a year."""
    return load(Page(page).program_at(step), until=time.time() + YEAR)


async def test_tokens_of_fastapi_users_for_other_purposes_are_refused(monkeypatch):
    """Its tokens to reset a password and to verify an address have the same secret."""
    program = program_of("migrating-fastapi-users.md", 1)
    sent = []
    manager = program.UserManager(program.Users())

    async def keep(user, token, request=None):
        sent.append(token)

    monkeypatch.setattr(manager, "on_after_forgot_password", keep)
    monkeypatch.setattr(manager, "on_after_request_verify", keep)
    await manager.forgot_password(program.alice)
    await manager.request_verify(program.alice)
    assert len(sent) == 2
    for token in sent:
        with pytest.raises(InvalidAudienceError):
            await program.verifier.decode(token)
        async with client_of(program.app) as client:
            response = await MIGRATIONS["fastapi-users"].ask(client, token)
        assert response.status_code == 401


@pytest.mark.parametrize("step", [2, 3])
async def test_a_logout_of_fastapi_users_revokes_the_token(step):
    """An old token stays valid, as before; logging out with it succeeds."""
    migration = MIGRATIONS["fastapi-users"]
    async with client_of(migration.app_at(0, until=None)) as client:
        old = (await migration.log_in(client)).json()["access_token"]
    async with client_of(migration.app_at(step, until=time.time() + YEAR)) as client:
        new = (await migration.log_in(client)).json()["access_token"]
        for token, status in ((new, 401), *([(old, 200)] if step == 2 else [])):
            headers = {"Authorization": f"Bearer {token}"}
            assert (await client.post("/auth/logout", headers=headers)).status_code == 204
            assert (await migration.ask(client, token)).status_code == status


async def test_the_scopes_of_authx_open_their_route():
    """A token with another scope is refused, before and after each step."""
    migration = MIGRATIONS["authx"]
    before = load(Page("migrating-authx.md").before)
    good = before.security.create_access_token("alice", scopes=["orders:read"])
    bad = before.security.create_access_token("alice", scopes=["orders:write"])
    for step in (0, 1, 2):
        async with client_of(migration.app_at(step, until=None)) as client:
            for token, status in ((good, 200), (bad, 403)):
                headers = {"Authorization": f"Bearer {token}"}
                assert (await client.get("/orders", headers=headers)).status_code == status


async def test_other_tokens_of_the_tutorial_are_refused_by_a_hook():
    """The page shows how; without the hook they open the routes, as before."""
    program = program_of("migrating-fastapi-tutorial.md", 1)
    text = Page("migrating-fastapi-tutorial.md").text
    hook = text.partition("```python example\n")[2].partition("```")[0]
    lifetime = timedelta(minutes=5)
    link = program.create_access_token({"sub": "alice", "purpose": "reset"}, lifetime)
    assert await program.former.decode(link)
    exec(hook, vars(program))  # noqa: S102 - our own document
    with pytest.raises(TokenRejectedError):
        await program.former.decode(link)
    assert await program.former.decode(program.create_access_token({"sub": "alice"}, lifetime))


@pytest.mark.parametrize("step", range(4))
async def test_the_authorize_button_of_the_tutorial_stays(step):
    """The document names the route of the login, before and after each step."""
    migration = MIGRATIONS["tutorial with PyJWT"]
    async with client_of(migration.app_at(step, until=time.time() + YEAR)) as client:
        document = (await client.get("/openapi.json")).json()
    (name,) = document["components"]["securitySchemes"]
    scheme = document["components"]["securitySchemes"][name]
    assert scheme == {"type": "oauth2", "flows": {"password": {"scopes": {}, "tokenUrl": "token"}}}
    assert document["paths"]["/users/me"]["get"]["security"] == [{name: []}]


async def test_the_token_endpoint_at_the_end_of_the_tutorial():
    """OAuth clients log in and refresh; wrong passwords and reused tokens are `invalid_grant`."""
    page = Page("migrating-fastapi-tutorial.md")
    program = page.program_at(3)
    for change in re.findall(
        r"```diff\n(.*?)```", page.text.partition("## OAuth clients")[2], re.DOTALL
    ):
        program = changed(program, "diff", change)
    migration = MIGRATIONS["tutorial with PyJWT"]
    async with client_of(load(program).app) as client:
        pair = (await migration.log_in(client, grant_type="password")).json()
        assert (await migration.ask(client, pair["access_token"])).json() == migration.answer
        form = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
        renewed = (await client.post("/token", data=form)).json()
        assert (await migration.ask(client, renewed["access_token"])).status_code == 200
        for refused in (
            await migration.log_in(client, grant_type="password", password="wrong"),
            await client.post("/token", data={**form, "refresh_token": renewed["access_token"]}),
        ):
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert (await migration.log_in(client)).json()["error"] == "invalid_request"


@pytest.fixture
def flask_app():
    """Return a Flask app whose tokens are in cookies and whose subjects may be integers."""
    app = Flask(__name__)
    app.config.update(
        JWT_SECRET_KEY=os.environ["JWT_SECRET_KEY"],
        JWT_TOKEN_LOCATION=["cookies"],
        JWT_VERIFY_SUB=False,
    )
    JWTManager(app)
    return app


async def test_integer_subjects_of_flask_jwt_extended_need_the_setting(flask_app):
    """They are read as text."""
    with flask_app.app_context():
        token = flask_token(7)
    keys = KeyRing.from_secret(os.environ["JWT_SECRET_KEY"])
    with pytest.raises(InvalidClaimError, match="sub"):
        await TokenEngine(keys).decode(token)
    engine = TokenEngine(keys, policy=TokenPolicy(integer_subjects=True))
    assert (await engine.decode(token)).sub == "7"


async def cookie_tokens(flask_app):
    """Return an access token for a cookie, with its CSRF token, of each library."""
    secret = os.environ["JWT_SECRET_KEY"]
    with flask_app.app_context():
        yield flask_token("alice")
    quart_app = Quart(__name__)
    quart_app.config.update(JWT_SECRET_KEY=secret, JWT_TOKEN_LOCATION=["cookies"])
    QuartJWTManager(quart_app)
    async with quart_app.app_context():
        yield quart_token("alice")
    config = AuthXConfig(JWT_SECRET_KEY=secret, JWT_TOKEN_LOCATION=["cookies"])
    yield AuthX(config=config).create_access_token("alice")


async def test_browsers_with_cookies_of_the_family_stay_logged_in(flask_app):
    """With the carrier of the page; the CSRF token is that of the old cookie."""
    carrier = (
        Page("migrating-authx.md").text.partition("```python carrier\n")[2].partition("```")[0]
    )
    engine = TokenEngine(
        KeyRing.from_secret(os.environ["JWT_SECRET_KEY"]),
        policy=TokenPolicy(subject_claim="identity"),
    )
    names = {}
    exec(carrier, names)  # noqa: S102 - our own document
    app = Quart(__name__)
    auth = TokenAuth(engine, carriers=[names["cookies"]])
    auth.init_app(app)

    @app.post("/orders")
    @auth.required()
    async def order():
        return {"by": auth.current_claims.sub}

    accepted = 0
    async for token in cookie_tokens(flask_app):
        async with client_of(app) as client:
            client.cookies.set("access_token_cookie", token)
            assert (await client.post("/orders")).status_code == 403
            csrf = (await engine.decode(token)).csrf
            response = await client.post("/orders", headers={"X-CSRF-Token": csrf})
            assert response.json() == {"by": "alice"}
            accepted += 1
    assert accepted == 3


async def test_browsers_with_the_cookie_of_litestar_stay_logged_in():
    """Until the date, and only pages of the service can use the cookie to write."""
    program = program_of("migrating-litestar-jwt.md", 1)
    cookie_auth = JWTCookieAuth(
        retrieve_user_handler=program.retrieve_user, token_secret=os.environ["JWT_SECRET"]
    )
    (cookie,) = cookie_auth.login("alice", token_extras={"plan": "free"}).cookies
    text = Page("migrating-litestar-jwt.md").text
    names = dict(vars(program))
    exec(text.partition("```python carriers\n")[2].partition("```")[0], names)  # noqa: S102 - our own document
    auth = names["auth"]

    @program.post("/orders", status_code=200, guards=[auth.required()])
    async def order(request: program.Request) -> dict[str, str]:
        return {"by": request.auth.sub}

    app = Litestar([order], plugins=[auth])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.example") as client:
        client.cookies.set(cookie.key, cookie.value)
        own = {"Origin": "https://shop.example"}
        assert (await client.post("/orders", headers=own)).json() == {"by": "alice"}
        other = {"Origin": "https://evil.example"}
        assert (await client.post("/orders", headers=other)).status_code == 403
