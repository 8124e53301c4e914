"""Settings of an introspection endpoint: the engine that they create, and what is refused."""

import base64
import json
import subprocess
import sys
from datetime import timedelta

import pytest

from tests.cli.test_doctor import SAFE, findings
from tests.cli.test_settings import VALUE, refusal_of
from tests.remote.issuer import serving
from tests.support import NOW, SECRET, FrozenClock, ShopClaims
from tokenward import ConfigurationError, MemoryStore, TokenRevokedError
from tokenward.engine.introspection import IntrospectedTokens
from tokenward.engine.session_list import SessionList
from tokenward.errors import InvalidKeyError
from tokenward.settings import TokenwardSettings, engine_from_settings

URL = "https://login.example/oauth/introspect"
CREDENTIALS = {"introspection_client_id": "shop-api", "introspection_client_secret": VALUE}
TOKENS = {
    "required_claims": "exp,sub",
    "type_source": "always-access",
    "access_token_claims": '{"token_use": "access"}',
}


@pytest.fixture
def password_file(tmp_path):
    """Return a file with a password and the line break of an editor."""
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text("pass w\u00f6rd\r\n")
    return path


@pytest.fixture
def endpoint():
    """Serve an endpoint that knows one token; yield its URL and the credentials that it got."""
    seen = []

    async def app(scope, receive, send):
        body = (await receive())["body"]
        seen.append(dict(scope["headers"])[b"authorization"].decode())
        answer = {"active": False}
        if b"token=known" in body:
            answer = {"active": True, "sub": "alice", "tenant": "acme", "exp": NOW + 900}
            answer |= {"iss": "https://login.example", "aud": "shop-api", "token_use": "access"}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    with serving(app) as port:
        yield f"http://127.0.0.1:{port}/introspect", seen


async def test_the_environment_configures_the_engine(endpoint, monkeypatch, password_file):
    """The engine asks the endpoint with the credentials of the settings, under their policy."""
    url, seen = endpoint
    values = {
        "introspection_url": url,
        "introspection_client_id": "shop-api",
        "introspection_client_secret_file": password_file,
        "introspection_timeout": "60s",
        "introspection_active_for": "0",
        "introspection_inactive_for": "1m",
        "issuer": "https://login.example",
        "audience": "shop-api",
        "store_url": "memory://",
        **TOKENS,
    }
    for name, value in values.items():
        monkeypatch.setenv(f"TOKENWARD_{name.upper()}", str(value))
    engine = engine_from_settings(claims_model=ShopClaims, clock=FrozenClock())
    assert isinstance(engine, IntrospectedTokens)
    assert isinstance(engine.store, MemoryStore)

    for _ in range(2):
        claims = await engine.decode("known")
        with pytest.raises(TokenRevokedError):
            await engine.decode("unknown")
    assert (claims.sub, claims.tenant) == ("alice", "acme")
    # The active answer is not cached, the other one is.
    basic = base64.b64encode(b"shop-api:pass+w%C3%B6rd").decode()
    assert seen == [f"Basic {basic}"] * 3


def test_options_have_the_defaults_of_the_engine():
    """A secret may also be a setting, and a store of yours replaces that of the settings."""
    store = MemoryStore()
    settings = TokenwardSettings(introspection_url=URL, **CREDENTIALS)
    engine = engine_from_settings(settings, store=store)
    assert engine.store is store
    assert not isinstance(engine_from_settings(TokenwardSettings(secret=SECRET)), type(engine))
    assert VALUE not in repr(settings)


@pytest.mark.parametrize(
    ("values", "both"),
    [
        ({"secret": VALUE}, "SECRET and TOKENWARD_INTROSPECTION_URL"),
        ({"keys_dir": VALUE}, "KEYS_DIR and TOKENWARD_INTROSPECTION_URL"),
        ({"oidc_issuer": VALUE}, "OIDC_ISSUER and TOKENWARD_INTROSPECTION_URL"),
        ({"algorithm": "RS256"}, "ALGORITHM and TOKENWARD_INTROSPECTION_URL"),
        ({"kid": "x"}, "KID and TOKENWARD_INTROSPECTION_URL"),
        ({"pem_password": VALUE}, "PEM_PASSWORD and TOKENWARD_INTROSPECTION_URL"),
        ({"type_source": "typ"}, "TYPE_SOURCE and TOKENWARD_INTROSPECTION_URL"),
        (
            {"issuer": "https://i.example", "audience": "a", "profile": "rfc9068"},
            "PROFILE and TOKENWARD_INTROSPECTION_URL",
        ),
        (
            {"introspection_client_secret_file": VALUE},
            "INTROSPECTION_CLIENT_SECRET and TOKENWARD_INTROSPECTION_CLIENT_SECRET_FILE",
        ),
    ],
)
def test_contradicting_settings_are_refused(values, both):
    """Both are named."""
    message = refusal_of(introspection_url=URL, **CREDENTIALS, **values)
    assert message.startswith(f"TOKENWARD_{both} contradict each other: ")


@pytest.mark.parametrize(
    "name", ["client_id", "client_secret", "client_secret_file", "timeout", "active_for", "inactive_for"]
)  # fmt: skip
def test_an_option_without_an_endpoint_is_refused(name):
    """It would have no effect."""
    message = refusal_of(secret=SECRET, **{f"introspection_{name}": "5"})
    assert message.startswith(
        f"TOKENWARD_INTROSPECTION_{name.upper()} and TOKENWARD_INTROSPECTION_URL"
    )


@pytest.mark.parametrize("name", CREDENTIALS)
def test_rfc7662_section_2_1_credentials_are_required(name):
    """The message names all three variables."""
    message = refusal_of(introspection_url=URL, **{name: CREDENTIALS[name]})
    for each in ("CLIENT_ID", "CLIENT_SECRET_FILE", "CLIENT_SECRET"):
        assert f"TOKENWARD_INTROSPECTION_{each}" in message
    assert "introspection_" not in message


def test_a_time_limit_is_above_zero():
    """Answers that are cached for no time are allowed, a request that may last no time is not."""
    settings = {"introspection_url": URL, **CREDENTIALS}
    message = refusal_of(introspection_timeout="0", **settings)
    assert message == "TOKENWARD_INTROSPECTION_TIMEOUT must be a timedelta above zero."
    found = TokenwardSettings(introspection_active_for="0", **settings).introspection_active_for
    assert found == timedelta(0)


def test_a_host_of_your_own_network(password_file):
    """`plain_http_hosts` names the hosts that may be asked without TLS."""
    settings = {"introspection_url": "http://hydra:4445/introspect", **CREDENTIALS}
    with pytest.raises(ConfigurationError, match="https") as caught:
        engine_from_settings(TokenwardSettings(**settings))
    assert "hydra" not in str(caught.value)
    assert engine_from_settings(TokenwardSettings(plain_http_hosts="hydra", **settings))


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (b"x", 0o640, "chmod 600"),
        (b"\xff", 0o600, "is not UTF-8 text"),
        (b"\n", 0o600, "not empty"),
    ],
    ids=["others can read it", "no text", "empty"],
)
def test_a_file_with_a_secret_is_checked(password_file, content, mode, told):
    """As every other file with a secret is; no error has its content as a cause."""
    password_file.write_bytes(content)
    password_file.chmod(mode)
    settings = TokenwardSettings(
        introspection_url=URL,
        introspection_client_id="shop-api",
        introspection_client_secret_file=password_file,
    )
    with pytest.raises((ConfigurationError, InvalidKeyError), match=told) as caught:
        engine_from_settings(settings)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_list_of_sessions_needs_an_issuer():
    """The sessions are those of the authorization server."""
    settings = TokenwardSettings(introspection_url=URL, **CREDENTIALS)
    with pytest.raises(ConfigurationError, match="for an engine that issues tokens"):
        engine_from_settings(settings, session_list=SessionList())


def test_a_service_with_keys_does_not_import_it():
    """It pays nothing for opaque tokens."""
    program = (
        "import sys; from tokenward.settings import TokenwardSettings, engine_from_settings; "
        f"print(type(engine_from_settings(TokenwardSettings(secret={SECRET!r}))).__name__, "
        "'tokenward.engine.introspection' in sys.modules)"
    )
    result = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["TokenEngine", "False"]


def test_the_doctor_checks_the_endpoint(password_file):
    """A safe configuration has no finding; an unusable URL or file is an error."""
    safe = {
        **SAFE,
        **TOKENS,
        "introspection_url": URL,
        "introspection_client_id": "shop-api",
        "introspection_client_secret_file": password_file,
        "required_claims": "exp,sub,jti",
    }
    assert findings(**safe) == {}
    assert set(findings(**{**safe, "introspection_url": "ftp://x"})) == {"introspection_unusable"}

    password_file.chmod(0o644)
    found = findings(**safe)
    assert set(found) == {"introspection_unusable"}
    assert found["introspection_unusable"]["severity"] == "error"
    assert "chmod 600" in found["introspection_unusable"]["message"]


def test_the_doctor_finds_a_secret_in_the_environment():
    """And settings that are only for issuing, which have no effect."""
    found = findings(**SAFE, **TOKENS, **CREDENTIALS, introspection_url=URL, access_lifetime="10m")
    assert found["secret_in_environment"]["setting"] == "TOKENWARD_INTROSPECTION_CLIENT_SECRET"
    advice = found["secret_in_environment"]["advice"]
    assert "TOKENWARD_INTROSPECTION_CLIENT_SECRET_FILE" in advice
    assert found["setting_unused"]["setting"] == "TOKENWARD_ACCESS_LIFETIME"


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (200, {"active": False}, None),
        (200, {"active": True, "sub": "alice", "token_use": "access"}, "introspection_accepts_any"),
        (200, {"active": True}, "introspection_accepts_any"),
        (401, {"error": "invalid_client"}, "introspection_unavailable"),
    ],
)
def test_the_doctor_asks_the_endpoint(status, answer, code, password_file):
    """A random text must not be active; a refusal of the credentials is an outage, with its status."""

    async def app(scope, receive, send):
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    with serving(app) as port:
        settings = {
            **SAFE,
            **TOKENS,
            "store_url": "memory://",
            "introspection_url": f"http://localhost:{port}/introspect",
            "introspection_client_id": "shop-api",
            "introspection_client_secret_file": password_file,
        }
        offline = findings(**settings)
        found = findings("--connect", **settings)
    assert found.keys() - offline.keys() == ({code} if code else set())
    if code:
        assert found[code]["severity"] == "error"
        assert found[code]["setting"] == "TOKENWARD_INTROSPECTION_URL"
    if status != 200:
        assert str(status) in found[code]["message"]
