"""What the log says about an outage: the reason, and nothing of the response or the URL."""

import asyncio
import gzip

import httpx
import pytest

from serving import served
from tests.core.key_material import JWKS as EXAMPLES
from tests.remote.conftest import OLD
from tests.remote.issuer import JWKS, Issuer, Reply, json_reply, jwks_of
from tokenward import RemoteKeySet
from tokenward.errors import KeysUnavailableError

OPENID = "/.well-known/openid-configuration"
GOOD = json_reply(jwks_of(OLD)).body
ENCRYPTION = OLD.public_jwk() | {"use": "enc"}
SAME_TEXT = "differs from yours in the slash at the end."


@pytest.fixture
def reason_of(caplog):
    """Return a function that fetches from a failing issuer and returns the reason in the log."""

    async def reason(keys):
        async with keys:
            with pytest.raises(KeysUnavailableError):
                await keys.prepare(0)
        (record,) = [each for each in caplog.records if each.name == "tokenward"]
        text = record.getMessage()
        assert record.exc_info is None
        assert "hunter2" not in text
        assert "127.0.0.1" not in text
        return text.removeprefix("The keys of an issuer cannot be fetched: ")

    return reason


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(b"hunter2", status=503), "The response has the status 503, not 200."),
        (Reply(status=302, headers={"location": "/hunter2"}), "Redirects are not followed"),
        (Reply(b"<html>hunter2"), "The document is not a JSON object"),
        (Reply(b'{"keys":[],"keys":[]}'), "has duplicate names"),
        (Reply(b'{"hunter2":[]}'), "it has no list of 1 to 100 'keys'"),
        (Reply(b'{"keys":[]}'), "it has no list of 1 to 100 'keys'"),
        (Reply(b" " * 1_048_577), "more than 1,048,576 bytes"),
        (Reply(GOOD, headers={"content-encoding": "hunter2"}), "(Content-Encoding)"),
        (Reply(GOOD, headers={"content-encoding": "gzip"}), "zlib.error"),
        (
            Reply(gzip.compress(GOOD)[:-40], headers={"content-encoding": "gzip"}),
            "The document is not a JSON object",
        ),
    ],
    ids=range(10),
)
async def test_the_reason_is_in_the_log(issuer, reason_of, reply, expected):
    """A response that is not a key set has a reason, and nothing of the response is logged."""
    issuer.replies[JWKS] = reply
    assert expected in await reason_of(RemoteKeySet(issuer.jwks_url))


async def test_a_timeout_is_in_the_log(issuer, reason_of):
    """A response that never ends is told apart from a connection that fails."""
    issuer.replies[JWKS] = Reply(never_ends=True)
    reading = asyncio.create_task(reason_of(RemoteKeySet(issuer.jwks_url)))
    await issuer.time_out()
    assert await reading == "The response took longer than the timeout."


async def test_why_no_key_is_usable_is_in_the_log(issuer, reason_of):
    """Each reason of a skipped key is logged once."""
    members = [EXAMPLES["oct"] | {"kid": "hunter2"}, *[ENCRYPTION] * 3, EXAMPLES["EC"]]
    issuer.replies[JWKS] = json_reply({"keys": members})
    assert await reason_of(RemoteKeySet(issuer.jwks_url)) == (
        "The JWK set has no usable public key. Key 0: It is a secret or a private key. "
        "Key 1: The JWK's 'use' is not 'sig': it is not meant for signatures."
    )


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"issuer": "{issuer}/"}, SAME_TEXT),
        ({"issuer": "https://hunter2.example"}, "The metadata is of another issuer."),
        ({"issuer": None}, "The metadata is of another issuer."),
        ({"jwks_uri": None}, "The metadata has no jwks_uri."),
        ({"jwks_uri": "http://hunter2.example/keys"}, "jwks_uri must be an https URL"),
    ],
)
async def test_the_reason_of_discovery_is_in_the_log(issuer, reason_of, metadata, expected):
    """A slash at the end of the issuer is told apart from another issuer and from missing keys."""
    named = {"issuer": issuer.url, "jwks_uri": issuer.jwks_url} | metadata
    named["issuer"] = named["issuer"] and named["issuer"].format(issuer=issuer.url)
    issuer.replies[OPENID] = json_reply(named)
    assert expected in await reason_of(RemoteKeySet.from_issuer(issuer.url))


async def test_a_refused_connection_is_named_by_its_causes(reason_of):
    """The classes of the errors are logged, because their messages repeat addresses."""
    reason = await reason_of(RemoteKeySet("http://127.0.0.1:1/hunter2"))
    assert reason.startswith("httpx.ConnectError, caused by ")
    assert "httpcore" not in reason


async def test_an_untrusted_certificate_is_named(reason_of):
    """The cause of a failed TLS connection tells it from a host that is down."""

    async def app(scope, receive, send):
        await Issuer()(scope, receive, send)

    with served(app, lifespan=False) as site:
        reason = await reason_of(RemoteKeySet(site.origin + JWKS))
    assert reason == "httpx.ConnectError, caused by ssl.SSLCertVerificationError"


async def test_the_message_of_a_client_is_not_in_the_log(reason_of):
    """An error of the client that you pass, or of its transport, is named by its class."""

    def answer(request):
        msg = "hunter2"
        raise httpx.ReadError(msg)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        reason = await reason_of(RemoteKeySet("https://login.example/keys", client=client))
    assert reason == "httpx.ReadError"
