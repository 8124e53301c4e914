"""The programs of the page about client certificates, in each framework."""

from importlib import import_module

import pytest

from tests.docs.frameworks import FRAMEWORKS, app_of, app_with, assumed_by_programs, bearer
from tests.docs.pages import ROOT, block_with, run, run_with
from tokenward.http.mtls import ForwardedCertificate
from tokenward.testing.adapters.mtls_requests import (
    CERTIFICATE,
    OTHER_CERTIFICATE,
    THUMBPRINT,
    certified,
    pem_of,
)
from tokenward.testing.adapters.service import client_of
from tokenward.tokens import ProvenKey

PAGE = "mtls.md"
ROWS = (
    '`required(mtls="required")`',
    "`required()`, with `TokenAuth(mtls=...)`",
    "`required()`, without",
)


def table():
    """Return the answers of the page by route."""
    lines = (ROOT / "docs" / PAGE).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [row[1:] for row in cells if row and row[0] in ROWS]


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_table_of_the_page(framework):
    """Each route answers as its row says, to a request of the proxy."""
    kind = import_module(f"tokenward_{framework}").TokenAuth
    names = await run_with(block_with(PAGE, "proxies="), {}, TokenAuth=kind)
    engine, auth, certificate = names["engine"], names["auth"], names["certificate"]
    with_source = app_with(
        framework, auth, {"/bound": auth.required(mtls="required"), "/any": auth.required()}
    )
    other = kind(engine)
    without = app_with(framework, other, {"/any": other.required()})
    bound = bearer(await engine.issue("alice", bound_to=ProvenKey(x5t_s256=THUMBPRINT)))
    free = bearer(await engine.issue("alice"))
    assert isinstance(certificate, ForwardedCertificate)

    async def answer(app, path, *requests):
        """Return one answer to all requests."""

        async def call(scope, receive, send):
            await app({**scope, "client": ("10.0.0.7", 1)}, receive, send)

        async with client_of(call) as client:
            statuses = {(await client.get(path, headers=each)).status_code for each in requests}
        (status,) = statuses
        return {200: "accepted", 401: "refused"}[status]

    own, wrong = certified("rfc9440"), certified("rfc9440", OTHER_CERTIFICATE)
    sent = [
        ([*bound.items(), tuple(map(bytes.decode, own))],),
        ([*bound.items()], [*bound.items(), tuple(map(bytes.decode, wrong))]),
        ([*free.items()],),
    ]
    routes = ((with_source, "/bound"), (with_source, "/any"), (without, "/any"))
    assert [[await answer(*route, *each) for each in sent] for route in routes] == table()


async def test_a_login_of_the_page(engine):
    """The tokens are bound to the certificate of the login."""
    source = ForwardedCertificate("rfc9440", proxies=["127.0.0.1"])

    async def user_of(request):
        return "alice"

    given = {**assumed_by_programs("fastapi", engine, mtls=source), "user_of": user_of}
    names = await run(block_with(PAGE, "async def log_in"), given)
    async with client_of(app_of("fastapi", names)) as client:
        response = await client.post("/login", headers=[certified("rfc9440")])
    claims = await engine.decode(response.json()["access_token"])
    assert claims.cnf.x5t_s256 == THUMBPRINT


async def test_a_token_for_a_known_certificate(engine, tmp_path, monkeypatch):
    """The file of the page."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "client.pem").write_text(pem_of(CERTIFICATE))
    names = await run(block_with(PAGE, "client.pem"), {"engine": engine})
    assert (await engine.decode(names["token"])).cnf.x5t_s256 == THUMBPRINT
