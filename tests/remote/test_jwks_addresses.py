"""Which URLs keys may be fetched from."""

import asyncio
import sys
from datetime import timedelta

import httpx
import pytest

from serving import served
from tests.remote.conftest import NEW, OLD
from tests.remote.issuer import JWKS, Issuer, Reply, engine_for, json_reply
from tests.support import everything_of
from tokenward import ConfigurationError, RemoteKeySet
from tokenward.errors import KeysUnavailableError

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"


@pytest.mark.parametrize(
    "url",
    [
        "https://login.example/keys",
        "https://login.example:8443/keys?policy=a",
        "https://xn--bcher-kva.example/keys",
        "https://www.example/service_accounts/v1/jwk/securetoken@system.gserviceaccount.example",
        "https://login.example?of=a@b.example",
        "http://localhost/keys@example",
        "http://localhost/keys",
        "http://LOCALHOST:8000/keys",
        "http://127.0.0.1:8000/keys",
        "http://[::1]:8000/keys",
    ],
)
def test_https_is_accepted_and_http_of_this_machine(url):
    """The key set accepts https, and http only for this machine, by one of its three names."""
    assert RemoteKeySet(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "keys",
        "//login.example/keys",
        "https:///keys",
        "https://",
        "http://login.example/keys",
        "http://127.0.0.1.example/keys",
        "http://localhost.example/keys",
        "http://localhost.",
        "http://127.0.0.2/keys",
        "http://127.1/keys",
        "http://2130706433/keys",
        "http://0x7f.0.0.1/keys",
        "http://0.0.0.0/keys",
        "http://[::ffff:127.0.0.1]/keys",
        "http://localtest.me/keys",
        "http://\uff4c\uff4fcalhost/keys",
        "http://localhost\\@login.example/keys",
        "http://localhost@login.example/keys",
        "https://hunter2:hunter2@login.example/keys",
        "https://hunter2@login.example/keys",
        "https://@login.example/keys",
        "https://login.example@/keys",
        "https://hunter2@login.example?a@b",
        "https://login.example:443@hunter2/keys@b",
        "https:hunter2@login.example/keys",
        "http://localhost?\\@login.example/keys",
        "http://localhost:hunter2@login.example",
        "http:/hunter2@localhost/keys",
        "https://login.example/keys#hunter2",
        "https://login.example/keys#",
        "https://bücher.example/keys",
        "https://login.example/a b",
        "https://login.example/\r\nkeys",
        "https://login.example:99999999/keys",
        "https://[::1/keys",
        "https://login.example:hunter2/keys",
        "https://[::hunter2]/keys",
        "https://xn--hunter2-.example/keys",
        "https://xn--zzzzzzhunter2/keys",
        "ftp://localhost/keys",
        "file:///etc/passwd",
        None,
        b"https://login.example/keys",
    ],
)
def test_every_other_url_is_refused_and_not_in_the_error(url):
    """Every other URL is refused when the key set is built, and the error contains no part of it."""
    for build in (RemoteKeySet, RemoteKeySet.from_issuer):
        with pytest.raises(ConfigurationError, match="https URL") as caught:
            build(url)
        assert "hunter2" not in everything_of(caught.value)
        assert "example" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"algorithms": "RS256"},
        {"algorithms": []},
        {"algorithms": ["HS256"]},
        {"algorithms": ["RS256", "none"]},
        {"lifetime": 600},
        {"lifetime": timedelta(0)},
        {"lifetime": timedelta(seconds=29)},
        {"lifetime": timedelta(hours=2)},
        {"max_lifetime": timedelta(minutes=9)},
        {"cooldown": timedelta(0)},
        {"cooldown": timedelta(minutes=11)},
        {"timeout": timedelta(seconds=-1)},
        {"stale_for": timedelta(seconds=-1)},
    ],
    ids=repr,
)
def test_invalid_options_are_refused_when_built(options):
    """Both constructors refuse invalid options."""
    for build in (RemoteKeySet, RemoteKeySet.from_issuer):
        with pytest.raises(ConfigurationError):
            build("https://login.example", **options)


def test_without_httpx_the_error_names_the_extra(monkeypatch):
    """Without httpx, the error names the extra to install."""
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ConfigurationError, match=r"install Tokenward with its extra 'jwks'"):
        RemoteKeySet("https://login.example/keys")


@pytest.mark.parametrize(
    ("well_known", "path", "asked"),
    [
        ("openid-configuration", "", OPENID),
        ("openid-configuration", "/", OPENID),
        ("openid-configuration", "/shop", "/shop" + OPENID),
        ("openid-configuration", "/shop/", "/shop" + OPENID),
        ("oauth-authorization-server", "", OAUTH),
        ("oauth-authorization-server", "/", OAUTH),
        ("oauth-authorization-server", "/shop", OAUTH + "/shop"),
    ],
)
async def test_an_issuer_says_where_its_keys_are(issuer, clock, well_known, path, asked):
    """The well-known document is fetched at the first use, and again for every set."""
    name = issuer.url + path
    issuer.replies[asked] = json_reply({"issuer": name, "jwks_uri": issuer.jwks_url})
    async with RemoteKeySet.from_issuer(name, well_known=well_known) as keys:
        assert issuer.asked == []
        await keys.prepare(clock.now)
        assert keys.find(kid=OLD.kid, algorithm="ES256")
        await keys.prepare(clock.now + 600)
    assert issuer.asked == [asked, JWKS] * 2


def test_an_issuer_has_no_query():
    """An issuer with a query is refused (OpenID Connect Discovery §3)."""
    with pytest.raises(ConfigurationError, match="query"):
        RemoteKeySet.from_issuer("https://login.example/?tenant=a")


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "{url}/"},
        {"issuer": "{url}/shop"},
        {"issuer": "https://login.example"},
        {"issuer": ["{url}"]},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 1},
        {"jwks_uri": "/keys"},
        {"jwks_uri": "http://login.example/keys"},
        {"jwks_uri": "http://localhost@login.example/keys"},
        {"jwks_uri": "{url}/keys#x"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
    ids=repr,
)
async def test_a_well_known_document_must_name_its_issuer_and_a_safe_url(issuer, clock, change):
    """The issuer must match exactly, and the URL of its keys must follow the same rules."""
    document = {"issuer": issuer.url, "jwks_uri": issuer.jwks_url} | change
    text = {
        name: value.format(url=issuer.url) if isinstance(value, str) else value
        for name, value in document.items()
    }
    issuer.replies[OPENID] = json_reply(text)
    async with RemoteKeySet.from_issuer(issuer.url) as keys:
        with pytest.raises(KeysUnavailableError):
            await keys.prepare(clock.now)
    assert issuer.asked == [OPENID]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500),
        Reply(status=302, headers={"location": "/elsewhere"}),
        Reply(b" " * 1_048_577),
        Reply(b"<html>"),
        Reply(never_ends=True),
    ],
    ids=["500", "redirect", "long", "html", "hangs"],
)
async def test_the_well_known_document_is_fetched_with_the_same_care(issuer, clock, reply):
    """One time-out covers the well-known document and the keys."""
    elsewhere = json_reply({"issuer": issuer.url, "jwks_uri": issuer.jwks_url})
    issuer.replies |= {OPENID: reply, "/elsewhere": elsewhere}
    async with RemoteKeySet.from_issuer(issuer.url) as keys:
        call = asyncio.create_task(keys.prepare(clock.now))
        if reply.never_ends:
            await issuer.time_out()
        with pytest.raises(KeysUnavailableError):
            await call
    assert issuer.asked == [OPENID]


async def test_keys_that_moved_to_another_url_are_found(issuer, clock):
    """The URL of the keys is looked up again with each fetch."""
    issuer.replies[OPENID] = json_reply({"issuer": issuer.url, "jwks_uri": issuer.jwks_url})
    async with RemoteKeySet.from_issuer(issuer.url) as keys:
        engine = engine_for(keys, issuer, clock)
        await engine.decode(issuer.token(OLD))
        issuer.publish(NEW)
        issuer.replies["/moved"] = issuer.replies.pop(JWKS)
        issuer.replies[OPENID] = json_reply(
            {"issuer": issuer.url, "jwks_uri": issuer.url + "/moved"}
        )
        clock.advance(600)
        assert await engine.decode(issuer.token(NEW))


async def test_a_remote_issuer_cannot_name_this_machine(issuer, clock):
    """A remote issuer cannot make the service fetch from this machine."""

    def answer(request):
        issuer.asked.append(str(request.url))
        document = {"issuer": "https://login.example", "jwks_uri": issuer.jwks_url}
        return httpx.Response(200, json=document)

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client,
        RemoteKeySet.from_issuer("https://login.example", client=client) as keys,
    ):
        with pytest.raises(KeysUnavailableError):
            await keys.prepare(clock.now)
    assert issuer.asked == ["https://login.example" + OPENID]


async def test_certificates_are_checked(clock):
    """Certificates are checked with the trust of the system or of the client that is passed."""
    issuer = Issuer()
    issuer.publish(OLD)

    async def app(scope, receive, send):
        await issuer(scope, receive, send)

    with served(app, lifespan=False) as site:
        async with RemoteKeySet(site.origin + JWKS) as keys:
            with pytest.raises(KeysUnavailableError):
                await keys.prepare(clock.now)
        assert issuer.asked == []
        async with (
            httpx.AsyncClient(verify=site.tls) as client,
            RemoteKeySet(site.origin + JWKS, client=client) as keys,
        ):
            await keys.prepare(clock.now)
            assert keys.find(kid=OLD.kid, algorithm="ES256")


async def test_no_proxy_for_this_machine(issuer, clock, monkeypatch):
    """Plain http to this machine does not go through a proxy from the environment."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with RemoteKeySet(issuer.jwks_url) as keys:
        await keys.prepare(clock.now)
    assert issuer.asked == [JWKS]
