"""The steps of docs/migrating-async-fastapi-jwt-auth.md, applied one after the other; each result is tested."""

import inspect
import re
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import Depends, FastAPI, Request, Response

from tests.migration.programs import changed
from tokenward import Claims, TokenRevokedError
from tokenward_fastapi import TokenAuth
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.config import LoadConfig

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "migrating-async-fastapi-jwt-auth.md").read_text(encoding="utf-8")
NAMES = (DOCS / "migrating-authjwt-names.md").read_text(encoding="utf-8")
# 2a is the first half of the second step: the old secret is still accepted.
STEPS = ("1", "2a", "2", "3", "4", "5", "6")
USER = {"username": "alice"}
pytestmark = pytest.mark.filterwarnings("ignore::tokenward.keys.WeakSecretWarning")


def blocks_of(step):
    """Return the changes of one step as pairs of language and text."""
    (section,) = re.findall(rf"\n## {step[0]}\. .*?(?=\n## |\Z)", TEXT, re.DOTALL)
    blocks = re.findall(r"```(diff|python)\n(.*?)```", section, re.DOTALL)
    return blocks[:-1] if step == "2a" else blocks


def program_at(step):
    """Return the program after a step."""
    program = ""
    for each in ("1", "2a") if step == "2a" else "123456"[: int(step)]:
        for block in blocks_of(each):
            program = changed(program, *block)
    return program


@pytest.fixture
def service_at(tmp_path, monkeypatch):
    """Return the app of a step; its key pair stays the same."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "private.pem").write_bytes(private)
    (tmp_path / "public.pem").write_bytes(public)
    monkeypatch.chdir(tmp_path)

    def run(step):
        names = {"__name__": __name__}
        exec(compile(program_at(step), "program", "exec"), names)  # noqa: S102 - our own document
        transport = httpx.ASGITransport(names["app"])
        client = httpx.AsyncClient(transport=transport, base_url="https://shop.example")
        client.names = names
        return client

    yield run
    AuthJWT.load_config(list)


def bearer(token):
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


async def log_in(client):
    """Return the tokens of a login."""
    answer = await client.post("/login", json=USER)
    assert answer.status_code == 200
    return answer.json()


async def profile(client, token):
    """Return the status and the body of a profile request."""
    answer = await client.get("/profile", headers=bearer(token))
    return answer.status_code, answer.json()


async def assert_good(client, tokens):
    """Check that both tokens of a login are accepted."""
    assert await profile(client, tokens["access_token"]) == (
        200,
        {"user": "alice", "plan": "free"},
    )
    answer = await client.post("/refresh", headers=bearer(tokens["refresh_token"]))
    assert answer.status_code == 200
    assert (await profile(client, answer.json()["access_token"]))[0] == 200


@pytest.mark.parametrize("step", STEPS)
async def test_the_service_runs_after_each_step(service_at, step):
    """The service accepts only users who are logged in."""
    client = service_at(step)
    tokens = await log_in(client)
    await assert_good(client, tokens)
    is_native = step >= "4"
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    forged = jwt.encode(claims, "x" * 32)
    assert (await profile(client, forged))[0] == (401 if is_native else 422)
    assert (await client.get("/profile")).status_code == 401
    assert (await profile(client, tokens["refresh_token"]))[0] == (401 if is_native else 422)


async def test_no_cache_stores_the_tokens_of_the_last_step(service_at):
    """The native login and refresh forbid it (RFC 6749 §5.1)."""
    client = service_at("6")
    login = await client.post("/login", json=USER)
    refresh = await client.post("/refresh", headers=bearer(login.json()["refresh_token"]))
    for answer in (login, refresh):
        assert answer.headers.get_list("cache-control") == ["no-store"]


@pytest.mark.parametrize(("step", "following"), list(pairwise(STEPS)))
async def test_tokens_of_each_step_are_good_after_the_next(service_at, step, following):
    """A deployment logs nobody out until the old secret is removed."""
    tokens = await log_in(service_at(step))
    await assert_good(service_at(following), tokens)


@pytest.mark.parametrize(("former", "step"), list(pairwise(STEPS[1:])))
async def test_tokens_of_each_step_are_good_before_it(service_at, former, step):
    """A deployment can be rolled back, and old and new processes can run side by side."""
    tokens = await log_in(service_at(step))
    await assert_good(service_at(former), tokens)


async def test_the_old_secret_is_good_for_nothing_once_it_is_out(service_at):
    """A token that was signed with the removed secret is refused by old and new routes."""
    tokens = await log_in(service_at("1"))
    client = service_at("3")
    assert await profile(client, tokens["access_token"]) == (
        422,
        {"detail": "The specified alg value is not allowed"},
    )
    answer = await client.get("/plan", headers=bearer(tokens["access_token"]))
    assert (answer.status_code, answer.json()["code"]) == (401, "algorithm_mismatch")


async def test_native_routes_live_beside_the_old_ones(service_at):
    """Native and old routes accept the same token, and send their own refusals."""
    client = service_at("3")
    tokens = await log_in(client)
    assert (await profile(client, tokens["access_token"]))[0] == 200
    answer = await client.get("/plan", headers=bearer(tokens["access_token"]))
    assert (answer.status_code, answer.json()) == (200, {"plan": "free"})
    answer = await client.get("/plan", headers=bearer(tokens["refresh_token"]))
    assert (answer.status_code, answer.json()["code"]) == (401, "token_type_invalid")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_native_sessions_rotate(service_at):
    """An old refresh token can be used once as well: it gets one pair."""
    old = await log_in(service_at("4"))
    client = service_at("5")
    pair = (await client.post("/refresh", headers=bearer(old["refresh_token"]))).json()
    assert (await client.post("/refresh", headers=bearer(old["refresh_token"]))).json() == pair
    answer = await client.post("/refresh", headers=bearer(pair["refresh_token"]))
    assert answer.status_code == 200
    answer = await client.post("/refresh", headers=bearer(old["refresh_token"]))
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_token_superseded")


async def test_native_sessions_live_in_cookies(service_at):
    """Browsers log in, refresh only with the CSRF token and an allowed origin, and log out."""
    client = service_at("5")
    assert "access_token" not in (await client.post("/session", json=USER)).text
    assert (await client.get("/profile")).json() == {"user": "alice", "plan": "free"}
    assert (await client.post("/session/refresh")).json()["code"] == "csrf_missing"
    csrf = {"X-CSRF-Token": client.cookies["__Host-csrf_token"]}
    foreign = {**csrf, "Origin": "https://elsewhere.example"}
    answer = await client.post("/session/refresh", headers=foreign)
    assert answer.json()["code"] == "origin_not_allowed"
    assert (await client.post("/session/refresh", headers=csrf)).status_code == 200
    client.cookies.delete("__Host-access_token")  # an expired access token does not matter
    assert (await client.post("/session/logout", headers=csrf)).status_code == 200
    assert dict(client.cookies) == {}


@pytest.mark.parametrize("step", ["4", "5"])
async def test_logging_out_ends_a_token_of_before_and_a_session(service_at, step):
    """The refresh token is always revoked, and the access token if it names the session."""
    tokens = await log_in(service_at("4"))
    client = service_at("5")
    if step == "5":
        tokens = await log_in(client)
    headers = bearer(tokens["refresh_token"])
    assert (await client.post("/session/logout", headers=headers)).status_code == 200
    answer = await client.post("/refresh", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")
    status, _ = await profile(client, tokens["access_token"])
    assert status == (401 if step == "5" else 200)


async def test_old_cookies_are_good_under_their_old_names(service_at):
    """The carrier of the page reads the cookies of the drop-in, and sets cookies that it reads."""
    names = service_at("5").names
    (carrier,) = re.findall(r"```python carrier\n(.*?)```", TEXT, re.DOTALL)
    exec(carrier, names)  # noqa: S102 - our own document
    auth = TokenAuth(names["engine"], carriers=[names["cookies"]])
    app = FastAPI()
    auth.init_app(app)
    old = type("OldAuthJWT", (AuthJWT,), {})
    settings = {
        **AuthJWT._class_engines().settings.model_dump(),
        "authjwt_token_location": {"cookies"},
    }
    old.load_config(settings.items)

    @app.post("/login")
    async def log_in(authorize: Annotated[AuthJWT, Depends(old)]):
        await authorize.set_access_cookies(await authorize.create_access_token("alice"))
        await authorize.set_refresh_cookies(await authorize.create_refresh_token("alice"))

    @app.post("/orders")
    async def order(claims: Annotated[Claims, Depends(auth.required())]):
        return claims.sub

    @app.post("/refresh")
    async def refresh(request: Request, response: Response):
        auth.set_cookies(response, await auth.refresh(request))

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.example") as client:
        await client.post("/login")
        for path, csrf in (
            ("/orders", "csrf_access_token"),
            ("/refresh", "csrf_refresh_token"),
            ("/orders", "csrf_access_token"),
            ("/refresh", "csrf_access_token"),
            ("/orders", "csrf_access_token"),
        ):
            assert (await client.post(path)).json()["code"] == "csrf_missing"
            headers = {"X-CSRF-Token": client.cookies[csrf]}
            assert (await client.post(path, headers=headers)).status_code == 200


async def test_the_old_deny_list_is_asked_by_native_routes(service_at):
    """A token that the callback reports is refused by native and old routes."""
    client = service_at("3")
    tokens = await log_in(client)
    denying = type("DenyingAuthJWT", (AuthJWT,), {})
    settings = {**AuthJWT._class_engines().settings.model_dump(), "authjwt_denylist_enabled": True}
    denying.load_config(settings.items)
    denied = jwt.decode(tokens["access_token"], options={"verify_signature": False})["jti"]
    denying.token_in_denylist_loader(lambda claims: claims["jti"] == denied)
    with pytest.raises(TokenRevokedError):
        await denying.engine().decode(tokens["access_token"])


async def test_nothing_of_the_old_library_is_left_at_the_end():
    """The last step removes everything that the first step added."""
    program = program_at("6")
    for name in ("AuthJWT", "authjwt", "auth_dep", "JSONResponse"):
        assert name not in program


def rows_of(heading):
    """Return the left cells of the table with this heading."""
    table = NAMES.partition(heading)[2].partition("\n\n")[0]
    return [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")]


def test_every_method_has_its_row():
    """The table of calls names each public method of `AuthJWT`."""
    told = " ".join(rows_of("| AuthJWT | native replacement |"))
    methods = {
        name
        for name, member in inspect.getmembers(AuthJWT, callable)
        if not name.startswith("_") and name != "engine"
    }
    assert len(methods) >= 17
    assert methods <= set(re.findall(r"\w+", told))


def test_every_setting_has_its_row():
    """The table of settings names each setting and no other."""
    told = " ".join(rows_of("| `authjwt_...` setting | native replacement |"))
    settings = {name.removeprefix("authjwt_") for name in LoadConfig.model_fields}
    assert set(re.findall(r"\w+", told)) == settings
