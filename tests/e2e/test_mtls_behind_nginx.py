"""Certificates of clients behind a real nginx, in every framework (RFC 8705 §3)."""

import asyncio
import os
import socket
import ssl
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import uvicorn

from serving import FRAMEWORKS, write_certificate
from tests.e2e import nginx
from tests.support import FrozenClock
from tokenward.http.mtls import ForwardedCertificate, certificate_thumbprint
from tokenward.testing.adapters.service import contract_engine, shop_token

HEADER = "X-Client-Cert"
SOURCE = ForwardedCertificate("escaped-pem", header=HEADER, proxies=[nginx.ADDRESS])


def pem_of(file: Path) -> str:
    """Return the certificate without its key."""
    _, begin, rest = file.read_text().partition("-----BEGIN CERTIFICATE-----")
    return begin + rest


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> dict[str, Path]:
    """Return the certificates of nginx and of two clients."""
    names = ("localhost", "own", "other")
    return {name: write_certificate(tmp_path_factory.mktemp(name)) for name in names}


@pytest.fixture(scope="module")
def executable() -> str:
    """Return nginx; without it, skip with the command that installs it, or fail if required."""
    found = nginx.program()
    if found is None:
        message = f"There is no nginx. Install it with: {nginx.INSTALL}"
        if os.environ.get("TOKENWARD_REQUIRE_SERVICES") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return found


class Service:
    """A service behind nginx."""

    def __init__(self, origin: str, address: Path, certificates: dict[str, Path]) -> None:
        """Know both, and the certificates of the clients."""
        self.origin, self._address, self._certificates = origin, address, certificates

    def client(self, name: str | None) -> httpx.AsyncClient:
        """Return a client with this certificate; None: without one."""
        tls = ssl.create_default_context(cafile=self._certificates["localhost"])
        if name is not None:
            tls.load_cert_chain(self._certificates[name])
        transport = httpx.AsyncHTTPTransport(uds=str(self._address), verify=tls)
        return httpx.AsyncClient(transport=transport, base_url="https://localhost")

    def bound_to(self, name: str) -> dict[str, str]:
        """Return the header of a token that is bound to the certificate of a client."""
        thumbprint = certificate_thumbprint(pem_of(self._certificates[name]))
        return {"Authorization": f"Bearer {shop_token(cnf={'x5t#S256': thumbprint})}"}

    def forged(self, name: str) -> dict[str, str]:
        """Return the header with which nginx would forward a certificate."""
        return {HEADER: quote(pem_of(self._certificates[name]), safe="")}

    async def ask(self, client: str | None, headers: dict[str, str], path: str = "/bound") -> str:
        """Send a request through nginx; return the subject, or the code of the refusal."""
        async with self.client(client) as http:
            return said(await http.get(path, headers=headers))


def said(response: httpx.Response) -> str:
    """Return the subject, or the code of a refusal with 401."""
    body: dict[str, str] = response.json()
    assert response.status_code == (401 if "code" in body else 200)
    return body["code" if "code" in body else "sub"]


REFUSED = "token_binding_invalid"


@asynccontextmanager
async def serving(app):
    """Serve an app with uvicorn on a free port, and yield its origin."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # As the documentation says: the address must be that of the connection.
        config = uvicorn.Config(app, lifespan="on", log_config=None, proxy_headers=False)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@pytest.fixture(params=FRAMEWORKS)
async def service(request, executable, certificates):
    """Serve the contract's service with certificates, behind nginx."""
    module = import_module(f"tests.adapters.{request.param}_bound")
    app = module.build(contract_engine(FrozenClock()), mtls=SOURCE)
    async with serving(app) as origin:
        with nginx.running(executable, origin, certificates["localhost"]) as address:
            yield Service(origin, address, certificates)


async def test_only_the_right_certificate_is_accepted(service):
    """A bound token needs the certificate to which it is bound, also where none is required."""
    headers = service.bound_to("own")
    for path in ("/bound", "/either"):
        clients = [await service.ask(name, headers, path) for name in ("own", "other", None)]
        assert clients == ["alice", REFUSED, REFUSED]


async def test_nginx_replaces_the_header_of_the_client(service):
    """A client that writes the certificate of another one gets nothing; its own still counts."""
    headers = service.bound_to("own")
    for forged in (service.forged("own"), {HEADER.lower(): service.forged("own")[HEADER]}):
        for name in ("other", None):
            assert await service.ask(name, {**headers, **forged}) == REFUSED
    underscores = {"X_Client_Cert": service.forged("own")[HEADER]}
    assert await service.ask(None, {**headers, **underscores}) == REFUSED
    assert await service.ask("own", {**headers, **service.forged("other")}) == "alice"


async def test_only_nginx_may_send_the_header(service):
    """The same header on a connection that does not come from nginx is refused."""
    headers = {**service.bound_to("own"), **service.forged("own")}
    async with httpx.AsyncClient(base_url=service.origin) as stranger:
        assert said(await stranger.get("/bound", headers=headers)) == REFUSED


async def test_a_client_cannot_write_the_address_of_nginx(service):
    """`X-Forwarded-For` with this address is refused, also if nginx passes it on."""
    headers = {**service.bound_to("own"), "X-Forwarded-For": nginx.ADDRESS}
    assert await service.ask("own", headers) == REFUSED


async def test_a_session_is_bound_to_the_certificate_of_its_login(service):
    """The tokens of a login work with its certificate alone, and so does the refresh."""
    async with service.client("own") as own, service.client("other") as other:
        pair = (await own.post("/login")).json()
        refresh = {"Authorization": f"Bearer {pair['refresh_token']}"}
        stolen = await other.post("/refresh", headers=refresh)
        renewed = (await own.post("/refresh", headers=refresh)).json()

    assert (stolen.status_code, stolen.json()["code"]) == (401, REFUSED)
    headers = {"Authorization": f"Bearer {renewed['access_token']}"}
    assert [await service.ask(name, headers, "/either") for name in ("own", "other")] == [
        "alice",
        REFUSED,
    ]
