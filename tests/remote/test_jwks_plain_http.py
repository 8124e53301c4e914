"""Plain http to named hosts of one's own network."""

import httpx
import pytest

from tests.remote.conftest import OLD
from tests.remote.issuer import JWKS, engine_for, jwks_of
from tests.support import payload_of, signed
from tokenward import ConfigurationError, RemoteKeySet
from tokenward.errors import InvalidIssuerError, KeysUnavailableError

OUTER = "https://login.example/realms/shop"
INNER = "http://keycloak:8080/realms/shop"
OPENID = "/.well-known/openid-configuration"
HOSTS = ("keycloak",)


class Network:
    """The responses of a network, by URL, as a transport; it records the requests."""

    def __init__(self, **metadata):
        """Serve the metadata of `OUTER` and its keys at the inner address."""
        document = {"issuer": OUTER, "jwks_uri": INNER + JWKS} | metadata
        self.replies = {
            INNER + OPENID: httpx.Response(200, json=document),
            INNER + JWKS: httpx.Response(200, json=jwks_of(OLD)),
        }
        self.asked = []

    def client(self):
        """Return a client of this network."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request):
        self.asked.append(str(request.url))
        return self.replies.get(str(request.url), httpx.Response(404))


async def test_keys_come_from_the_inner_address_and_tokens_name_the_outer_issuer(issuer, clock):
    """Metadata and keys are fetched inside; a token must name the outer issuer."""
    network = Network()
    issuer.url = OUTER
    async with (
        network.client() as client,
        RemoteKeySet.from_issuer(OUTER, url=INNER, plain_http_hosts=HOSTS, client=client) as keys,
    ):
        engine = engine_for(keys, issuer, clock)
        assert await engine.decode(issuer.token(OLD))
        with pytest.raises(InvalidIssuerError):
            await engine.decode(signed(payload_of(iss=INNER), key=OLD))
    assert network.asked == [INNER + OPENID, INNER + JWKS]


async def test_the_url_of_a_key_set_may_be_plain_http_to_a_named_host(clock):
    """Without discovery, the opt-in covers the URL of the keys. Upper and lower case are equal."""
    network = Network()
    async with (
        network.client() as client,
        RemoteKeySet(INNER + JWKS, plain_http_hosts={"Keycloak"}, client=client) as keys,
    ):
        await keys.prepare(clock.now)
        assert keys.find(kid=OLD.kid, algorithm="ES256")


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": INNER},
        {"issuer": OUTER + "/"},
        {"jwks_uri": "http://login.example/realms/shop/keys"},
        {"jwks_uri": "http://keycloak.evil.example/keys"},
        {"jwks_uri": "http://evil.keycloak/keys"},
        {"jwks_uri": "http://keycloak./keys"},
        {"jwks_uri": "http://keycloak@evil.example/keys"},
        {"jwks_uri": "http://localhost/keys"},
        {"jwks_uri": "http://127.0.0.1/keys"},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"jwks_uri": "ftp://keycloak/keys"},
    ],
    ids=repr,
)
async def test_inner_metadata_is_trusted_no_further(clock, metadata):
    """Metadata of another issuer, and keys at any other plain address, are refused unfetched."""
    network = Network(**metadata)
    async with (
        network.client() as client,
        RemoteKeySet.from_issuer(OUTER, url=INNER, plain_http_hosts=HOSTS, client=client) as keys,
    ):
        with pytest.raises(KeysUnavailableError):
            await keys.prepare(clock.now)
    assert network.asked == [INNER + OPENID]


@pytest.mark.parametrize("path", [OPENID, JWKS])
async def test_a_named_host_cannot_redirect(clock, path):
    """A redirect is refused, also to the same host."""
    network = Network()
    location = {"location": INNER + "/moved"}
    network.replies[INNER + "/moved"] = network.replies[INNER + path]
    network.replies[INNER + path] = httpx.Response(302, headers=location)
    async with (
        network.client() as client,
        RemoteKeySet.from_issuer(OUTER, url=INNER, plain_http_hosts=HOSTS, client=client) as keys,
    ):
        with pytest.raises(KeysUnavailableError):
            await keys.prepare(clock.now)
    assert INNER + "/moved" not in network.asked


@pytest.mark.parametrize(
    "hosts",
    [
        "keycloak",
        b"keycloak",
        True,
        None,
        {"keycloak": True},
        ["*"],
        ["*.svc.cluster.local"],
        [".svc.cluster.local"],
        ["keycloak."],
        ["http://keycloak"],
        ["keycloak:8080"],
        ["keycloak/realms"],
        ["hunter2@keycloak"],
        ["10.0.0.5"],
        ["2130706433"],
        ["[::1]"],
        ["\u212aeycloak"],
        ["keycloak\n"],
        ["keycloak", ""],
        [None],
    ],
    ids=repr,
)
def test_only_a_collection_of_exact_names_is_an_opt_in(hosts):
    """Text, wildcards, schemes, ports and IP addresses are refused with the fix in the error."""
    for build in (RemoteKeySet, RemoteKeySet.from_issuer):
        with pytest.raises(ConfigurationError, match=r'plain_http_hosts=\["keycloak"\]') as caught:
            build(INNER, plain_http_hosts=hosts)
        assert "hunter2" not in str(caught.value)


def test_another_host_is_refused_and_the_error_names_the_opt_in():
    """Plain http to a host that is not in the collection is refused, with the fix in the error."""
    for build in (RemoteKeySet, RemoteKeySet.from_issuer):
        with pytest.raises(ConfigurationError, match="plain_http_hosts"):
            build("http://keycloak-2:8080", plain_http_hosts=HOSTS)
    with pytest.raises(ConfigurationError, match=r"^url must be an https URL"):
        RemoteKeySet.from_issuer(OUTER, url=INNER)
    with pytest.raises(ConfigurationError, match=r"^url must be a URL without a query"):
        RemoteKeySet.from_issuer(OUTER, url=INNER + "?a", plain_http_hosts=HOSTS)
