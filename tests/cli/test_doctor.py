"""`tokenward doctor`: for each finding, a configuration with it and one without it."""

import asyncio
import base64
import json
import os
import re
import socket
from pathlib import Path

import pytest

from tests.cli.support import run
from tests.remote.issuer import serving
from tests.stores.conftest import absent
from tests.stores.redis_store import servers
from tests.support import SECRET
from tokenward import Key, KeyDirectory, KeyRing
from tokenward.stores.sql import SqlStore

ENCODED = base64.b64encode(f"{SECRET}!".encode()).decode()
DOCS = Path(__file__).parents[2] / "docs" / "command-line.md"
SAFE = {
    "issuer": "https://shop.example",
    "audience": "shop-api",
    "store_url": "rediss://redis.example",
}


def findings(*options: object, **settings: object) -> dict[str, dict[str, str]]:
    """Run the doctor, and return its findings by code."""
    env = {f"TOKENWARD_{name.upper()}": str(value) for name, value in settings.items()}
    found = json.loads(run("doctor", "--json", *options, **env).stdout)["findings"]
    return {each["code"]: each for each in found}


def test_a_safe_configuration_has_no_finding(keys_dir):
    """A safe configuration has no finding, and the exit code is 0."""
    assert findings(keys_dir=keys_dir, **SAFE) == {}
    env = {f"TOKENWARD_{name.upper()}": value for name, value in SAFE.items()}
    result = run("doctor", "--keys", keys_dir, "--strict", **env)
    assert (result.exit_code, result.stdout) == (0, "0 errors, 0 warnings, 0 notes.\n")


@pytest.mark.parametrize(
    ("settings", "code", "severity"),
    [
        ({"access_lifetime": "2h"}, "access_lifetime_long", "warning"),
        ({"access_lifetime": "25h"}, "access_lifetime_long", "error"),
        (
            {"access_lifetime": "never", "required_claims": "sub,iat,jti,type"},
            "access_lifetime_long",
            "error",
        ),
        ({"refresh_lifetime": "91d"}, "refresh_lifetime_long", "warning"),
        ({"refresh_lifetime": "401d"}, "refresh_lifetime_long", "error"),
        ({"leeway": "61"}, "leeway_long", "warning"),
        ({"required_claims": "sub,iat,jti,type"}, "exp_not_required", "error"),
        ({"required_claims": "sub,iat,exp,type"}, "jti_not_required", "warning"),
        ({"type_source": "always-access"}, "type_not_checked", "warning"),
        ({"store_outage": "accept"}, "store_outage_accept", "warning"),
        ({"reuse_grace": "11"}, "reuse_grace_long", "note"),
        ({"store_url": "memory://"}, "store_in_memory", "warning"),
        ({"store_url": "redis://redis.example"}, "store_in_clear", "warning"),
        ({"store_url": "redis+cluster://localhost,redis.example"}, "store_in_clear", "warning"),
        ({"store_url": "redis+sentinel://redis.example/shop"}, "store_in_clear", "warning"),
        ({"store_url": "postgresql+asyncpg://a@db/b"}, "store_in_clear", "warning"),
        ({"store_url": "postgresql+asyncpg://a@db/b?ssl=prefer"}, "store_in_clear", "warning"),
        ({"store_url": "postgresql+psycopg://a@db/b"}, "store_in_clear", "warning"),
        ({"store_url": "mysql+asyncmy://a@db/b"}, "store_in_clear", "warning"),
    ],
)
def test_unsafe_settings_are_found(keys_dir, settings, code, severity):
    """Each unsafe setting is reported by code and severity, with its variable and advice."""
    found = findings(keys_dir=keys_dir, **{**SAFE, **settings})
    assert found[code]["severity"] == severity
    assert found[code]["setting"] == f"TOKENWARD_{next(iter(settings)).upper()}"
    assert found[code]["message"]
    assert found[code]["advice"]


@pytest.mark.parametrize(
    "settings",
    [
        {"access_lifetime": "1h"},
        {"type_source": "always-access", "access_token_claims": '{"token_use": "access"}'},
        {"leeway": "1m"},
        {"reuse_grace": "10"},
        {"store_url": "redis://127.0.0.1"},
        {"store_url": "unix:///run/redis.sock"},
        {"store_url": "sqlite+aiosqlite:////tmp/x.db"},
        {"store_url": "postgresql+asyncpg://a@db/b?ssl=require"},
        {"store_url": "postgresql+psycopg://a@db/b?sslmode=verify-full"},
        {"store_url": "mysql+asyncmy://a@db/b?ssl_ca=/etc/ca.pem"},
        {"store_url": "postgresql+asyncpg://a@localhost/b"},
    ],
)
def test_safe_settings_are_not_found(keys_dir, settings):
    """Values at the limit, and stores on this machine or behind TLS, are not reported."""
    assert findings(keys_dir=keys_dir, **{**SAFE, **settings}) == {}


@pytest.mark.parametrize(
    "store_url",
    [
        "redis://u:[hunter2@redis.example",
        "redis://u:hunter2@[redis]/0",
        "redis://u:\u2100hunter2@redis.example",
        "rediss://u:12/hunter2@redis.example",
        "postgresql+asyncpg://u:hunter2/d",
        "postgresql+asyncpg://u:hunter2@db.example:x/d",
    ],
)
def test_an_unreadable_store_url_is_a_finding(keys_dir, store_url):
    """An unreadable store URL is reported without any part of the URL."""
    found = findings(keys_dir=keys_dir, **{**SAFE, "store_url": store_url})
    assert found["store_unusable"]["severity"] == "error"
    assert "hunter2" not in json.dumps(found)


def test_plain_http_for_keys_is_found():
    """The opt-in is reported, and without it a plain URL is unusable."""
    url = {"jwks_url": "http://keycloak:8080/keys"}
    found = findings(**SAFE, **url, plain_http_hosts="keycloak")
    assert set(found) == {"keys_in_clear"}
    assert set(findings(**SAFE, **url)) == {"keys_unusable"}


def test_missing_settings_are_found():
    """Missing keys, issuer, audience and store are reported."""
    found = findings()
    assert set(found) == {"keys_absent", "issuer_absent", "audience_absent", "store_absent"}
    assert found["keys_absent"]["severity"] == "error"
    assert "issuer_absent" not in findings(oidc_issuer="https://a.example")


def test_a_secret_is_better_in_a_file_and_for_one_service():
    """A secret in a variable is reported: child processes inherit it, and every verifier can sign."""
    found = findings(**{**SAFE, "secret": SECRET, "audience": "a,b"})
    assert set(found) == {"secret_in_environment", "secret_shared"}
    assert SECRET not in json.dumps(found)


@pytest.mark.parametrize(
    ("settings", "is_reported"),
    [
        ({"secret": ENCODED}, True),
        ({"secret": ENCODED.rstrip("=")}, False),
        ({"secret": ENCODED, "secret_encoding": "base64"}, False),
        ({"secret": "0123456789abcdef" * 4}, False),
        ({"secret": f"{ENCODED}!"}, False),
        ({"secret": SECRET}, False),
    ],
    ids=range(6),
)
def test_a_secret_that_looks_like_base64_is_a_note(settings, is_reported):
    """Hexadecimal numbers and words are not reported, and nothing of the secret is shown."""
    found = findings(**{**SAFE, **settings})
    assert ("secret_may_be_encoded" in found) == is_reported
    assert settings["secret"] not in json.dumps(found)
    assert {each["severity"] for each in found.values()} == {"note"}


@pytest.mark.parametrize(
    ("setting", "content", "mode", "found"),
    [
        ("secret_file", SECRET.encode(), 0o640, {"keys_unusable"}),
        ("secret_file", SECRET.encode(), 0o600, set()),
        ("pem_file", Key.generate("EdDSA").private_pem(), 0o604, {"keys_unusable"}),
        ("jwks_file", json.dumps(Key.generate("EdDSA").public_jwk()).encode(), 0o644, set()),
        (
            "jwks_file",
            json.dumps(Key.generate("ES256").public_jwk()).encode(),
            0o646,
            {"file_open_to_others"},
        ),
    ],
    ids=range(5),
)
def test_files_that_others_can_read_or_write_are_found(tmp_path, setting, content, mode, found):
    """Private files that others can read and public files that others can write are reported."""
    path = tmp_path / "file"
    path.write_bytes(content)
    path.chmod(mode)
    told = findings(**SAFE, **{setting: path})
    assert set(told) == found
    assert all("chmod" in each["message"] + each["advice"] for each in told.values())


def test_a_directory_that_others_can_write_is_found(keys_dir):
    """A key directory that others can write is reported: they could replace a key."""
    keys_dir.chmod(0o770)
    advice = findings(keys_dir=keys_dir, **SAFE)["file_open_to_others"]["advice"]
    assert f"chmod go-w {keys_dir}" in advice


def test_unusable_keys_and_stores_are_found(tmp_path):
    """A missing key file and a store URL that its driver refuses are reported."""
    found = findings(**{**SAFE, "secret_file": tmp_path / "none"})
    assert found["keys_unusable"]["severity"] == "error"
    found = findings(**{**SAFE, "store_url": "sqlite+aiosqlite://"})
    assert found["store_unusable"]["severity"] == "error"


def test_remote_keys_are_not_fetched():
    """Remote keys are not fetched, and settings for issuing are reported as without effect."""
    found = findings(**SAFE, jwks_url="https://issuer.example/keys", access_lifetime="5m")
    assert list(found) == ["setting_unused"]
    assert found["setting_unused"]["setting"] == "TOKENWARD_ACCESS_LIFETIME"


def test_settings_without_effect_are_found(keys_dir):
    """Explicit settings of a store that is not configured are reported."""
    found = findings(keys_dir=keys_dir, reuse_grace="1s")
    assert found["setting_unused"]["setting"] == "TOKENWARD_REUSE_GRACE"
    assert "setting_unused" not in findings(keys_dir=keys_dir)


def test_the_keys_of_a_directory_are_checked(tmp_path):
    """A pending key, a key without an end and a short RSA key are reported."""
    ring = KeyRing(
        Key.generate("EdDSA"), verifiers=[Key.generate("ES256")], pending=[_short_rsa_key()]
    )
    KeyDirectory(tmp_path / "keys").save(ring)
    found = findings(keys_dir=tmp_path / "keys", **SAFE)
    assert set(found) == {"key_pending", "key_without_end", "rsa_short"}
    assert {each["severity"] for each in found.values()} == {"note"}


def test_a_public_key_set_has_no_findings(tmp_path):
    """In a public key set, keys need no end, and a long RSA key is not reported."""
    keys = [Key.generate("RS256"), Key.generate("ES256")]
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(KeyRing(keys[0], verifiers=keys[1:]).public_jwks()))
    assert findings(jwks_file=path, **SAFE) == {}


def test_an_old_signing_key_is_found(keys_dir):
    """A signing key in a directory is reported by the age of its file."""
    for file in keys_dir.glob("*.pem"):
        os.utime(file, (1, 1))
    assert "key_old" in findings(keys_dir=keys_dir, **SAFE)
    assert findings("--max-key-age", "36500d", keys_dir=keys_dir, **SAFE) == {}
    (keys_dir / "ring.json").unlink()
    for file in keys_dir.glob("*.pem"):
        file.rename(keys_dir / "plain.pem")
    assert findings(keys_dir=keys_dir, **SAFE) == {}


def test_a_refused_configuration_is_an_error():
    """A refused configuration is reported with the message of the settings."""
    found = findings(leeway="soon")
    assert list(found) == ["configuration_invalid"]
    assert "TOKENWARD_LEEWAY" in found["configuration_invalid"]["message"]


def test_the_exit_code_reports_errors_and_with_strict_also_warnings(keys_dir):
    """Errors give a failing exit code, and with --strict warnings do too."""
    env = {"TOKENWARD_KEYS_DIR": str(keys_dir)}
    assert run("doctor", **env).exit_code == 0
    assert run("doctor", "--strict", **env).exit_code == 1
    assert run("doctor", TOKENWARD_LEEWAY="1h", **env).exit_code == 1
    assert run("doctor", "--max-key-age", "soon", **env).exit_code == 1


def found_when_connected(keys_dir, store_url):
    """Return the severities of what only --connect finds."""
    settings = {**SAFE, "keys_dir": keys_dir, "store_url": store_url}
    offline = findings(**settings)
    found = findings("--connect", **settings)
    return {code: found[code]["severity"] for code in found.keys() - offline.keys()}


def test_connect_asks_the_store(keys_dir, tmp_path):
    """Tables that are missing are an error, and a store that can be used is none."""
    url = f"sqlite+aiosqlite:///{tmp_path}/tokens.db"
    assert found_when_connected(keys_dir, url) == {"store_unusable": "error"}

    async def create():
        async with SqlStore(url) as store:
            await store.create_tables()

    asyncio.run(create())
    assert found_when_connected(keys_dir, url) == {}


def test_connect_finds_a_store_that_does_not_answer(keys_dir):
    """Nothing listens at the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = found_when_connected(keys_dir, f"redis://127.0.0.1:{port}/0")
    assert found == {"store_unavailable": "error"}


def test_connect_asks_only_a_store_that_could_be_opened(keys_dir):
    """Without a store there is nothing to ask, and an unusable URL is one finding."""
    without = {name: value for name, value in SAFE.items() if name != "store_url"}
    offline = findings(keys_dir=keys_dir, **without)
    assert findings("--connect", keys_dir=keys_dir, **without) == offline
    assert found_when_connected(keys_dir, "redis://localhost/many") == {}


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"pem_file": "none.pem"}, "keys_unusable"),
        (
            {"introspection_url": "ftp://x", "introspection_client_id": "a"},
            "introspection_unusable",
        ),
    ],
)
def test_connect_asks_nothing_that_could_not_be_opened(settings, code, tmp_path, monkeypatch):
    """An unusable source of tokens is one finding."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text("password")
    if "introspection_url" in settings:
        more = {"introspection_client_secret_file": "password", "type_source": "always-access"}
        settings = {**settings, **more}
    settings = {**SAFE, "store_url": "memory://", **settings}
    found = findings("--connect", **settings)
    assert code in found
    assert found == findings(**settings)


@pytest.mark.parametrize("setting", ["jwks_url", "oidc_issuer"])
def test_connect_fetches_the_keys_of_an_issuer(setting):
    """Keys that can be fetched are no finding; else the finding has the reason."""
    ring = KeyRing(Key.generate("ES256"))
    answers = {"/jwks": ring.public_jwks()}

    async def app(scope, receive, send):
        answer = answers.get(scope["path"], {"keys": []})
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    with serving(app) as port:
        url = f"http://localhost:{port}"
        metadata = {"issuer": url, "jwks_uri": f"{url}/jwks"}
        answers["/.well-known/openid-configuration"] = metadata
        safe = {**SAFE, "issuer": url, "store_url": "memory://"}
        settings = {**safe, "jwks_url": f"{url}/jwks"}
        if setting == "oidc_issuer":
            settings = {name: value for name, value in safe.items() if name != "issuer"}
            settings["oidc_issuer"] = url
        offline = findings(**settings)
        assert findings("--connect", **settings) == offline

        del answers["/jwks"]
        found = findings("--connect", **settings)
    assert found.keys() - offline.keys() == {"keys_unavailable"}
    assert found["keys_unavailable"]["severity"] == "error"
    assert found["keys_unavailable"]["setting"] == f"TOKENWARD_{setting.upper()}"
    assert found["keys_unavailable"]["message"].startswith("The document is not a JWK set")


def test_connect_finds_a_redis_that_may_lose_records(keys_dir, tmp_path):
    """It may evict them, and it stores nothing on disk."""
    if not servers.is_installed():
        absent(f"redis-server is not installed. Install it with: {servers.INSTALL}")
    with servers.servers(tmp_path) as start:
        own = start("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
        assert found_when_connected(keys_dir, own.url) == {"store_unsafe": "warning"}


def test_findings_are_printed_as_text():
    """The text shows severity, code, variable, message and advice, and the counts."""
    lines = run("doctor").stdout.splitlines()
    assert lines[0] == "error    keys_absent  TOKENWARD_KEYS_DIR"
    assert lines[1].startswith("         No keys are configured. Set one of ")
    assert lines[-1] == "1 error, 3 warnings, 0 notes."


def test_the_documentation_has_every_finding():
    """The table contains each code of the source."""
    source = DOCS.parents[1] / "core" / "tokenward" / "cli"
    names = ("connection_checks", "doctor_command", "settings_checks")
    text = "".join((source / f"{name}.py").read_text() for name in names)
    codes = set(re.findall(r'(?:Finding|_fault)\(\s*"([a-z_]+)"', text))
    codes |= {"access_lifetime_long", "refresh_lifetime_long"}
    table = DOCS.read_text().partition("### doctor")[2]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)) == codes


def _short_rsa_key() -> Key:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    return Key.from_pem(
        rsa.generate_private_key(65_537, 2_048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
