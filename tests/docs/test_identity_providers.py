"""The recipes for identity providers accept the right tokens and refuse every other kind."""

import ast
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from inspect import isfunction
from operator import attrgetter
from typing import Annotated

import pytest

from tests.adapters.asgi_http import exchange
from tests.docs.identity_providers import ENTRA_TENANTS, IDENTITY_PROVIDERS, SUPABASE
from tests.docs.local_issuer import LocalIssuer
from tests.docs.pages import ROOT, block_with, run, run_with
from tests.docs.platform_tokens import PLATFORMS
from tests.support import NOW, SECRET, payload_of, signed
from tokenward import KeyRing, TokenEngine, TokenPolicy, TokenRejectedError
from tokenward.errors import (
    InvalidClaimError,
    InvalidSignatureError,
    MalformedTokenError,
    MissingClaimError,
    UnknownKeyError,
    WrongTokenTypeError,
)

MOST_LINES = 15
PARAMETERS = [
    pytest.param(each, id=name) for name, each in {**IDENTITY_PROVIDERS, **PLATFORMS}.items()
]


async def names_of(issuer, clock):
    """Run the recipe of a provider as it is written, with a local issuer and a clock of the tests."""
    engine = partial(TokenEngine, clock=clock)
    return await run_with(
        issuer.provider.program, {}, RemoteKeySet=issuer.key_set(), TokenEngine=engine
    )


def check_of(names):
    """Return the function of the recipe that checks roles."""
    (check,) = [each for name, each in names.items() if isfunction(each) and name.startswith("is_")]
    return check


@pytest.fixture
def issuer(request):
    """Return the local issuer of the provider that is the parameter."""
    return LocalIssuer(request.param)


each_provider = pytest.mark.parametrize("issuer", PARAMETERS, indirect=True)


def is_configuration(node):
    """Whether a statement is no import, and not part of the claims model or of the check of roles."""
    return not isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef)


@pytest.mark.parametrize("provider", PARAMETERS)
def test_the_configuration_of_a_recipe_is_short(provider):
    """At most fifteen lines, without imports, the claims model and the check of roles."""
    nodes = ast.parse(provider.program).body
    lines = [node.end_lineno - node.lineno + 1 for node in nodes if is_configuration(node)]
    assert 0 < sum(lines) <= MOST_LINES


@each_provider
async def test_an_access_token_is_accepted_with_typed_claims(issuer, clock):
    """Its keys are found at the URLs of the provider, among everything that the JWK set contains."""
    provider = issuer.provider
    engine = (await names_of(issuer, clock))["engine"]
    for _ in range(2):
        claims = await engine.decode(issuer.token(provider.payload))
        assert claims.sub == provider.payload["sub"]
        assert {name: attrgetter(name)(claims) for name in provider.typed} == provider.typed
        assert provider.scope is None or provider.scope in claims.scopes
        assert claims.extra.items() <= provider.payload.items()
    for changes in provider.also_accepted:
        assert await engine.decode(issuer.token({**provider.payload, **changes}))
    urls = [provider.metadata_url, provider.jwks_url]
    assert issuer.asked == [url for url in urls if url is not None]


@each_provider
async def test_every_other_token_of_the_provider_is_refused(issuer, clock):
    """Tokens of the wrong kind and for other services, although their signature is valid."""
    provider = issuer.provider
    engine = (await names_of(issuer, clock))["engine"]
    assert len(provider.refused) >= 3
    for changes, error in provider.refused:
        payload = changes if "iat" in changes else {**provider.payload, **changes}
        for _ in range(2):
            with pytest.raises(error) as caught:
                await engine.decode(issuer.token(payload))
            assert type(caught.value) is error


@each_provider
async def test_a_rotation_of_the_keys_is_followed(issuer, clock):
    """A new key is accepted after the cooldown at the latest, and a removed key is refused then."""
    provider = issuer.provider
    engine = (await names_of(issuer, clock))["engine"]
    old, new = (issuer.token(provider.payload, kid=kid) for kid in ("2026-01", "2026-02"))
    assert await engine.decode(old)
    issuer.publish("2026-02")
    with pytest.raises(UnknownKeyError):
        await engine.decode(new)
    clock.advance(30)
    assert await engine.decode(new)
    with pytest.raises(UnknownKeyError):
        await engine.decode(old)


@each_provider
async def test_a_key_for_another_use_verifies_nothing(issuer, clock):
    """Neither the other keys of the set nor a key of a stranger with a published id."""
    provider = issuer.provider
    engine = (await names_of(issuer, clock))["engine"]
    stranger = issuer.token(provider.payload, kid="stranger", header={"kid": "2026-01"})
    with pytest.raises(InvalidSignatureError):
        await engine.decode(stranger)
    for jwk in provider.other_keys:
        with pytest.raises(UnknownKeyError):
            await engine.decode(issuer.token(provider.payload, header={"kid": jwk["kid"]}))


def fastapi_app(auth: object, requirement: dict[str, object]) -> Callable:
    """Build a service in FastAPI with one route that has a requirement."""
    from fastapi import Depends, FastAPI

    from tokenward import Claims

    app = FastAPI()
    auth.init_app(app)

    @app.get("/")
    async def route(claims: Annotated[Claims, Depends(auth.required(**requirement))]):
        return {"sub": claims.sub}

    return app


def litestar_app(auth: object, requirement: dict[str, object]) -> Callable:
    """Build the same service in Litestar."""
    from litestar import Litestar, Request, get

    @get("/", guards=[auth.required(**requirement)])
    async def route(request: Request) -> dict[str, str]:
        return {"sub": request.auth.sub}

    return Litestar([route], plugins=[auth])


def quart_app(auth: object, requirement: dict[str, object]) -> Callable:
    """Build the same service in Quart."""
    from quart import Quart

    app = Quart(__name__)
    auth.init_app(app)

    @app.get("/")
    @auth.required(**requirement)
    async def route():
        return {"sub": auth.current_claims.sub}

    return app


APPS = {"fastapi": fastapi_app, "litestar": litestar_app, "quart": quart_app}


@each_provider
@pytest.mark.parametrize("adapter", APPS)
async def test_roles_and_scopes_are_required_in_each_framework(issuer, clock, adapter):
    """The check of the recipe and the provider's scopes, over HTTP."""
    provider = issuer.provider
    names = await names_of(issuer, clock)
    auth = import_module(f"tokenward_{adapter}").TokenAuth(
        names["engine"], carriers=names.get("carriers")
    )

    async def status(token, **requirement):
        app = APPS[adapter](auth, requirement)
        scheme = "Bearer " if provider.token_header == b"authorization" else ""
        header = (provider.token_header, f"{scheme}{token}".encode())
        start, *body = await exchange(app, "GET", "/", headers=[header])
        sent = json.loads(b"".join(each["body"] for each in body))
        assert start["status"] != 200 or sent == {"sub": provider.payload["sub"]}
        return start["status"]

    check = check_of(names)
    good = issuer.token(provider.payload)
    assert await status(good, check=check) == 200
    weak = issuer.token({**provider.payload, **provider.without_role})
    assert (await status(weak), await status(weak, check=check)) == (200, 403)
    if provider.scope is not None:
        assert await status(good, scopes=[provider.scope]) == 200
    assert await status(good, scopes=["orders.delete"]) == 403


async def test_tenants_may_be_looked_up_by_a_hook(clock):
    """With the model of the recipe, a token of a stranger's tenant or of a wrong tid is refused."""
    issuer = LocalIssuer(ENTRA_TENANTS)
    names = await names_of(issuer, clock)
    customers = [ENTRA_TENANTS.payload["tid"]]

    async def is_customer(tenant):
        return tenant in customers

    engine = TokenEngine(
        names["keys"],
        policy=replace(names["policy"], issuer=None),
        claims_model=names["TenantClaims"],
        clock=clock,
    )
    block = block_with("providers/entra-id.md", "@engine.after_decode")
    await run(block, {**names, "engine": engine, "is_customer": is_customer})
    other = {"iss": "https://login.microsoftonline.com/other/v2.0", "tid": "other"}
    assert await engine.decode(issuer.token(ENTRA_TENANTS.payload))
    token = issuer.token({**ENTRA_TENANTS.payload, **other})
    with pytest.raises(TokenRejectedError):
        await engine.decode(token)
    customers.append("other")
    assert (await engine.decode(token)).tid == "other"
    for changes in ({"tid": "other"}, {"iss": "https://evil.example/other/v2.0", "tid": "other"}):
        with pytest.raises(InvalidClaimError):
            await engine.decode(issuer.token({**ENTRA_TENANTS.payload, **changes}))


async def test_a_secret_and_a_key_set_side_by_side(clock, monkeypatch):
    """Tokens of both kinds are accepted while Supabase's keys change, and the API keys are not."""
    issuer = LocalIssuer(SUPABASE)
    names = await names_of(issuer, clock)
    monkeypatch.setenv("SUPABASE_JWT_SECRET", SECRET)
    engine = (await run(block_with("providers/supabase.md", "CombinedKeys(legacy"), names))[
        "engine"
    ]
    header = {"alg": "HS256", "kid": "id-of-the-secret", "typ": "JWT"}
    legacy = signed(SUPABASE.payload, header=header)
    assert (await engine.decode(legacy)).app_metadata.roles == ("staff",)
    assert await engine.decode(issuer.token(SUPABASE.payload))
    issuer.publish("2026-02")
    clock.advance(30)
    assert await engine.decode(issuer.token(SUPABASE.payload, kid="2026-02"))
    assert await engine.decode(legacy)

    api_key = {"iss": "supabase", "ref": "abcdefghijklmnopqrst", "role": "service_role"}
    with pytest.raises(MissingClaimError, match="sub"):
        await engine.decode(signed({**api_key, "exp": NOW + 300_000_000}, header=header))
    # The secret signs nothing that names a public-key algorithm.
    for kid in ("2026-02", "id-of-the-secret"):
        forged = signed(SUPABASE.payload, header={"alg": "ES256", "kid": kid, "typ": "JWT"})
        with pytest.raises((InvalidSignatureError, UnknownKeyError)):
            await engine.decode(forged)


PAGES = {each.page: each for each in reversed([*IDENTITY_PROVIDERS.values(), *PLATFORMS.values()])}
INDEX = (ROOT / "docs/providers/index.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \[.+?\]\((.+?)\) \| (.+?) \| .+? \| (\w+) \|", INDEX, re.MULTILINE)


def test_the_index_has_every_page():
    """The tables link each page of the directory, and each page has a recipe that is tested."""
    pages = {path.name for path in (ROOT / "docs/providers").glob("*.md")} - {"index.md"}
    assert sorted(page for page, _, _ in ROWS) == sorted(pages)
    assert pages == set(PAGES)


@pytest.mark.parametrize(("page", "issuer_of_row", "algorithm"), ROWS)
def test_a_row_of_the_index_describes_the_tokens(page, issuer_of_row, algorithm):
    """The first recipe of the page has the algorithm of the row, and an issuer of that form."""
    provider = PAGES[page]
    assert algorithm == provider.algorithm
    form = re.match("`(https://.+?)`", issuer_of_row)
    if form:
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(form[1]))
        assert re.fullmatch(pattern, provider.payload["iss"])


async def test_what_is_refused_on_purpose(clock):
    """Each row of the table, under a policy that accepts the same claims in a plain token."""
    policy = TokenPolicy(required_claims={"exp", "sub"}, type_source="always-access")
    engine = TokenEngine(KeyRing.from_secret(SECRET), policy=policy, clock=clock)
    good = signed(payload_of())
    assert (await engine.decode(good)).sub == "alice"
    head, payload, signature = good.split(".")
    for token in (
        f"{head}=.{payload}=.{signature}=",
        f"{head}.{payload}.{signature}=",
        f"{head}.a.{payload}.{signature}.b",
        "ya29.a0AfH6SMBx",
        "opaque",
    ):
        with pytest.raises(MalformedTokenError):
            await engine.decode(token)
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(signed(payload_of(), header={"alg": "HS256", "typ": "JOSE"}))
