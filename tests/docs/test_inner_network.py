"""The recipe for Keycloak at an inner address, over real sockets: only the names are resolved here."""

import json
from functools import partial

import httpx
import pytest

from tests.docs.identity_providers import KEYCLOAK
from tests.docs.local_issuer import signing_key
from tests.docs.pages import block_with, run, run_with
from tests.remote.issuer import serving
from tokenward import RemoteKeySet, TokenEngine
from tokenward.errors import InvalidIssuerError, KeysUnavailableError, WrongTokenTypeError

PAGE = "providers/keycloak.md"
PUBLIC = "https://sso.example"
REALM = "/realms/shop"
METADATA = f"{REALM}/.well-known/openid-configuration"
CERTS = f"{REALM}/protocol/openid-connect/certs"
INNER = "keycloak:8080"


class Keycloak:
    """An ASGI app that answers like a realm of Keycloak, behind `KC_HOSTNAME`."""

    def __init__(self):
        """Answer with metadata whose addresses for services are those of the request."""
        self.is_dynamic = True
        self.key = signing_key("RS256", "2026-01")
        self.asked = []
        self.changes = {}
        """Other statuses and headers, by path."""

    def token(self, **changes):
        """Issue an access token."""
        return self.key.token(
            KEYCLOAK.header, {**KEYCLOAK.payload, "iss": PUBLIC + REALM, **changes}
        )

    async def __call__(self, scope, receive, send):
        """Answer one request."""
        host = dict(scope["headers"])[b"host"].decode()
        path = scope["path"]
        self.asked.append((host, path))
        backchannel = f"http://{host}" if self.is_dynamic else PUBLIC
        bodies = {
            METADATA: {"issuer": PUBLIC + REALM, "jwks_uri": backchannel + CERTS},
            CERTS: {"keys": [*KEYCLOAK.other_keys, self.key.jwk(KEYCLOAK.jwk_members)]},
        }
        bodies["/moved"] = bodies[METADATA]
        usual = {"content-type": "application/json;charset=UTF-8", "cache-control": "no-cache"}
        status, headers = self.changes.get(path, (200, usual))
        named = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": named})
        await send({"type": "http.response.body", "body": json.dumps(bodies[path]).encode()})


class InnerNames(httpx.AsyncHTTPTransport):
    """Sends requests for the inner host to a port of this machine, and no others."""

    def __init__(self, port):
        """Take the port of the server."""
        super().__init__()
        self._port = port

    async def handle_async_request(self, request):
        """Connect to this machine; the request still names its host."""
        if request.url.netloc.decode() != INNER:
            msg = "no such host"
            raise httpx.ConnectError(msg)
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await super().handle_async_request(request)


@pytest.fixture
def keycloak():
    """Return the server."""
    return Keycloak()


@pytest.fixture
async def engine(keycloak, clock):
    """Run the recipe, with its second source of keys, in the inner network."""
    engine_kind = partial(TokenEngine, clock=clock)
    with serving(keycloak) as port:
        async with httpx.AsyncClient(transport=InnerNames(port)) as client:

            class InnerKeySet(RemoteKeySet):
                def __init__(self, url, **options):
                    super().__init__(url, client=client, **options)

            names = await run_with(KEYCLOAK.program, {}, TokenEngine=engine_kind)
            names["RemoteKeySet"] = InnerKeySet
            yield (await run(block_with(PAGE, 'plain_http_hosts=["keycloak"]'), names))["engine"]


async def test_keys_are_fetched_inside_and_tokens_name_the_public_issuer(keycloak, engine):
    """A token that names the inner address, and an ID token, are refused."""
    claims = await engine.decode(keycloak.token())
    assert (claims.sub, claims.realm_access.roles) == ("f:alice", ("staff",))
    assert keycloak.asked == [(INNER, METADATA), (INNER, CERTS)]
    for changes, error in (
        ({"iss": f"http://{INNER}{REALM}"}, InvalidIssuerError),
        ({"typ": "ID"}, WrongTokenTypeError),
    ):
        with pytest.raises(error):
            await engine.decode(keycloak.token(**changes))


async def test_without_the_setting_of_keycloak_the_keys_are_at_the_public_address(
    keycloak, engine, caplog
):
    """The service cannot reach it, and the log has the class of the error."""
    keycloak.is_dynamic = False
    with pytest.raises(KeysUnavailableError):
        await engine.decode(keycloak.token())
    assert keycloak.asked == [(INNER, METADATA)]
    assert "cannot be fetched: httpx.ConnectError" in caplog.text


@pytest.mark.parametrize("path", [METADATA, CERTS])
async def test_a_redirect_is_not_followed(keycloak, engine, caplog, path):
    """Not even to the same host, where the document is."""
    keycloak.changes[path] = (302, {"location": f"http://{INNER}/moved"})
    with pytest.raises(KeysUnavailableError):
        await engine.decode(keycloak.token())
    assert keycloak.asked[-1] == (INNER, path)
    assert "Redirects are not followed" in caplog.text


@pytest.mark.parametrize("media_type", ["text/plain", "application/octet-stream", "text/html"])
@pytest.mark.parametrize("path", [METADATA, CERTS])
async def test_only_the_content_of_a_document_counts(keycloak, engine, path, media_type):
    """Servers of files name any media type for JSON."""
    keycloak.changes[path] = (200, {"content-type": media_type})
    assert await engine.decode(keycloak.token())
