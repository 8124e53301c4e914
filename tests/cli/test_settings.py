"""Settings: what they create, and that refused settings are reported by name, without a value."""

import base64
import json
import os
import re
import sys
from dataclasses import fields
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest

from tests.support import NOW, SECRET, ShopClaims
from tokenward import (
    NEVER,
    ConfigurationError,
    Key,
    KeyRing,
    MemoryStore,
    RemoteKeySet,
    TokenPolicy,
)
from tokenward.errors import InvalidKeyError
from tokenward.jose.codec import b64url_encode
from tokenward.settings import (
    KEY_SETTINGS,
    POLICY_SETTINGS,
    TokenwardSettings,
    duration_text,
    engine_from_settings,
    parse_duration,
    parse_lifetime,
)
from tokenward.stores.redis import RedisStore
from tokenward.stores.sql import SqlStore
from tokenward.testing import FrozenClock

VALUE = "Zq7-value-that-nobody-may-see-in-an-error-message"
DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture
def environment(monkeypatch):
    """Return a function that sets variables by the names of their settings."""

    def put(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"TOKENWARD_{name.upper()}", str(value))

    return put


def refusal_of(**values: object) -> str:
    """Build settings that are refused, and return the message."""
    with pytest.raises(ConfigurationError) as caught:
        TokenwardSettings(**values)
    assert VALUE not in str(caught.value)
    assert VALUE not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


def test_every_field_of_the_policy_is_a_setting():
    """With the same name and the same default."""
    assert set(POLICY_SETTINGS) == {each.name for each in fields(TokenPolicy) if each.init}
    assert set(POLICY_SETTINGS) < set(TokenwardSettings.model_fields)
    assert TokenwardSettings().to_policy() == TokenPolicy()


def test_the_documentation_names_every_setting_once():
    """The table has one row for each setting, with its default."""
    rows = re.findall(r"^\| `TOKENWARD_([A-Z_]+)` \| (.*?) \|", DOCS.read_text(), re.MULTILINE)
    assert [name.lower() for name, _ in rows] == list(TokenwardSettings.model_fields)
    for name, told in rows:
        default = TokenwardSettings.model_fields[name.lower()].default
        if isinstance(default, timedelta):
            default = duration_text(default)
        if isinstance(default, tuple):
            default = ",".join(default)
        if default:
            assert told == f"`{default}`", name


async def test_the_environment_configures_a_whole_engine(environment):
    """An engine of the same settings accepts its tokens, with the user's claims."""
    environment(
        secret=SECRET,
        algorithm="HS384",
        kid="one",
        issuer="https://shop.example",
        audience="shop-api",
        access_lifetime="5m",
        store_url="memory://",
    )
    clock = FrozenClock(NOW)
    engine = engine_from_settings(claims_model=ShopClaims, clock=clock)
    token = await engine.issue("alice", claims={"tenant": "acme"})
    claims = await engine_from_settings(claims_model=ShopClaims, clock=clock).decode(token)
    assert (claims.tenant, claims.iss, claims.aud) == ("acme", "https://shop.example", "shop-api")
    assert claims.exp == NOW + 300
    await engine.revoke(token)


async def test_the_system_clock_is_the_default():
    """An engine from settings uses it if no clock is given."""
    engine = engine_from_settings(TokenwardSettings(secret=SECRET), store=MemoryStore())
    assert (await engine.decode(await engine.issue("alice"))).sub == "alice"


def test_values_of_the_policy_are_read_from_text(environment):
    """Durations in three forms, lists in two, and never as a lifetime."""
    environment(
        access_lifetime="never",
        refresh_lifetime="P14D",
        session_lifetime="90d",
        reuse_grace="30",
        max_token_age="2w",
        leeway="1.5",
        required_claims='["sub", "jti"]',
        type_source="always-access",
        integer_subjects="true",
        accept_id_tokens="true",
        audience_claim="client_id",
        subject_claim="identity",
        scope_claim="scopes",
        access_token_claims='{"token_use": "access", "typ": ["a", "b"], "scope": true}',
        issuer_optional_in="refresh",
        max_token_bytes="4096",
        signature_cache_entries="0",
        signature_cache_bytes="65536",
        store_outage="accept",
        acr_levels="pwd, otp,mfa",
        extra_registered_claims="csrf, nbf",
        audience="one,two",
    )
    assert TokenwardSettings().to_policy() == TokenPolicy(
        access_lifetime=NEVER,
        refresh_lifetime=timedelta(days=14),
        session_lifetime=timedelta(days=90),
        reuse_grace=timedelta(seconds=30),
        max_token_age=timedelta(days=14),
        leeway=timedelta(seconds=1.5),
        required_claims={"sub", "jti"},
        type_source="always-access",
        integer_subjects=True,
        accept_id_tokens=True,
        audience_claim="client_id",
        subject_claim="identity",
        scope_claim="scopes",
        access_token_claims={"token_use": "access", "typ": {"a", "b"}, "scope": True},
        issuer_optional_in={"refresh"},
        max_token_bytes=4096,
        signature_cache_entries=0,
        signature_cache_bytes=65_536,
        store_outage="accept",
        acr_levels=("pwd", "otp", "mfa"),
        extra_registered_claims={"csrf", "nbf"},
        audience=("one", "two"),
    )


@pytest.mark.parametrize(
    "text",
    ["-1", "1y", "P1Y", "soon", "", " ", "1e3", "nan", "PT", "P", "9" * 12 + "w", "P9999999999D"],
)
def test_a_duration_in_another_form_is_refused(text):
    """Nothing is guessed, and months and years have no fixed length."""
    assert "TOKENWARD_LEEWAY: Expected seconds" in refusal_of(leeway=text)
    assert "or 'never'" in refusal_of(access_lifetime=text)


@pytest.mark.parametrize("text", ["never", "0s", "90s", "1234567s", "15m", "36h", "30d"])
def test_a_lifetime_is_written_as_it_is_read(text):
    """In its largest whole unit; a duration may have a fraction of a second."""
    assert duration_text(parse_lifetime(text)) == text
    assert duration_text(parse_duration("1.5")) == "1.5s"
    assert duration_text(parse_duration("1234567.000001")) == "1234567.000001s"


@pytest.mark.parametrize("text", [",", "a,,b", "[", "[1]", "[]x", ""])
def test_a_list_in_another_form_is_refused(text):
    """An empty name, a number, half a list."""
    assert "TOKENWARD_AUDIENCE: Expected names" in refusal_of(audience=text)


def test_python_values_are_accepted_unchanged():
    """Settings can also be built in code."""
    settings = TokenwardSettings(leeway=timedelta(seconds=5), audience=("a", "b"))
    assert settings.to_policy().audiences == {"a", "b"}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("LEEWAI", "TOKENWARD_LEEWAY"),
        ("SECRET_FIEL", "TOKENWARD_SECRET_FILE"),
        ("REQUIRE_CLAIMS", "TOKENWARD_REQUIRED_CLAIMS"),
        ("TEST_AUDIENCE", "TOKENWARD_AUDIENCE"),
        ("Q", None),
    ],
)
def test_an_unknown_variable_is_refused_with_its_nearest_name(monkeypatch, name, near):
    """A misspelt setting must not be ignored silently."""
    monkeypatch.setenv(f"TOKENWARD_{name}", VALUE)
    message = refusal_of()
    assert message.startswith(f"TOKENWARD_{name} is not a setting of Tokenward.")
    assert message.endswith(f"Did you mean {near}?") == (near is not None)


def test_variables_with_other_prefixes_are_ignored(monkeypatch):
    """They do not belong to Tokenward."""
    for name in ("TOKENWARDEN", "TOKEN_SECRET", "SECRET"):
        monkeypatch.setenv(name, VALUE)
    assert TokenwardSettings().model_fields_set == set()


def test_an_unknown_argument_is_refused():
    """Settings that are built in code are equally strict."""
    assert refusal_of(sekret=VALUE) == "sekret is not a setting of Tokenward."


def test_an_empty_variable_is_refused(environment):
    """It was probably meant to have a value."""
    environment(issuer="")
    assert refusal_of().startswith("TOKENWARD_ISSUER is empty")


def test_an_invalid_value_is_refused_by_name_and_not_repeated(environment):
    """Each invalid variable is named once."""
    environment(
        max_token_bytes=VALUE, store_outage=VALUE, extra_registered_claims=f"{VALUE},{VALUE}"
    )
    message = refusal_of()
    for name in ("MAX_TOKEN_BYTES", "STORE_OUTAGE", "EXTRA_REGISTERED_CLAIMS"):
        assert message.count(f"TOKENWARD_{name}: ") == 1


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "", "1e3", "true"])
@pytest.mark.parametrize("name", ["signature_cache_entries", "signature_cache_bytes"])
def test_a_limit_of_the_signature_cache_is_a_whole_number(environment, name, text):
    """Zero is the minimum; any other value is refused by name."""
    environment(**{name: text})
    assert refusal_of().startswith(f"TOKENWARD_{name.upper()}")


@pytest.mark.parametrize(
    "text",
    [VALUE, f'"{VALUE}"', f'["{VALUE}"]', "{}", f'{{"{VALUE}": false}}', f'{{"": "{VALUE}"}}'],
)
def test_rules_about_claims_are_a_json_object(environment, text):
    """Any other text, and an object that is no set of rules, is refused by name."""
    environment(access_token_claims=text)
    message = refusal_of()
    assert message.startswith("TOKENWARD_ACCESS_TOKEN_CLAIMS")
    assert "as in {" in message
    assert VALUE not in message


def test_errors_of_the_policy_name_variables():
    """Not the fields of the policy, which nobody has set."""
    message = refusal_of(access_lifetime="40d", max_token_age="1d")
    assert message == (
        "TOKENWARD_ACCESS_LIFETIME is longer than the policy's TOKENWARD_MAX_TOKEN_AGE."
    )


CONTRADICTIONS = [
    ({"secret": VALUE, "secret_file": VALUE}, "SECRET and TOKENWARD_SECRET_FILE"),
    ({"jwks_url": VALUE, "keys_dir": VALUE}, "KEYS_DIR and TOKENWARD_JWKS_URL"),
    ({"secret": VALUE, "pem_password": VALUE}, "PEM_PASSWORD and TOKENWARD_SECRET"),
    ({"keys_dir": VALUE, "secret_encoding": "base64"}, "SECRET_ENCODING and TOKENWARD_KEYS_DIR"),
    ({"keys_dir": VALUE, "algorithm": "EdDSA"}, "ALGORITHM and TOKENWARD_KEYS_DIR"),
    ({"keys_dir": VALUE, "plain_http_hosts": "a"}, "PLAIN_HTTP_HOSTS and TOKENWARD_KEYS_DIR"),
    ({"jwks_url": VALUE, "kid": VALUE}, "KID and TOKENWARD_JWKS_URL"),
    ({"pem_file": VALUE, "algorithm": "HS256"}, "ALGORITHM and TOKENWARD_PEM_FILE"),
    ({"secret": VALUE, "algorithm": "ES256"}, "ALGORITHM and TOKENWARD_SECRET"),
    ({"issuer": VALUE, "oidc_issuer": "https://a"}, "ISSUER and TOKENWARD_OIDC_ISSUER"),
    ({"store_prefix": VALUE}, "STORE_PREFIX and TOKENWARD_STORE_URL"),
    ({"store_prefix": VALUE, "store_url": "memory://"}, "STORE_PREFIX and TOKENWARD_STORE_URL"),
    ({"store_schema": VALUE, "store_url": "redis://a"}, "STORE_SCHEMA and TOKENWARD_STORE_URL"),
]


@pytest.mark.parametrize(("values", "both"), CONTRADICTIONS)
def test_contradicting_settings_are_refused(values, both):
    """Both are named."""
    assert refusal_of(**values).startswith(f"TOKENWARD_{both} contradict each other: ")


def test_an_env_file_is_read(tmp_path, environment):
    """The environment overrides it, variables of others are ignored, and it is equally strict."""
    path = tmp_path / ".env"
    path.write_text(f"DATABASE=x\nTOKENWARD_SECRET={SECRET}\nTOKENWARD_ISSUER=file\n")
    environment(issuer="environment")
    settings = TokenwardSettings(_env_file=path)
    assert settings.secret.get_secret_value() == SECRET
    assert settings.issuer == "environment"
    path.write_text("TOKENWARD_SECRTE=x\n")
    assert "TOKENWARD_SECRET?" in refusal_of(_env_file=[path])
    assert refusal_of(_env_file=tmp_path / "none") == "The env file does not exist."


def test_two_engines_have_two_prefixes(monkeypatch):
    """Errors name the variables with the prefix."""
    monkeypatch.setenv("SHOP_ISSUER", "shop")
    monkeypatch.setenv("TOKENWARD_ISSUER", "other")
    settings = TokenwardSettings(_env_prefix="SHOP_")
    assert settings.issuer == "shop"
    with pytest.raises(ConfigurationError, match="set one of SHOP_SECRET, SHOP_SECRET_FILE"):
        settings.to_keys()
    assert refusal_of(_env_prefix="SHOP_", leeway="x").startswith("SHOP_LEEWAY: ")


def test_secrets_are_not_shown():
    """Neither by repr nor in a dump of the settings."""
    settings = TokenwardSettings(
        pem_file="x", pem_password=VALUE, store_url=f"redis://:{VALUE}@localhost"
    )
    assert VALUE not in repr(settings)
    assert VALUE not in settings.model_dump_json()


def test_settings_cannot_be_changed():
    """So they stay as they were checked."""
    with pytest.raises(ValueError, match="frozen"):
        TokenwardSettings().issuer = "x"


def test_keys_may_come_from_named_hosts_over_plain_http(environment):
    """The hosts are names with commas, for a URL of keys and for an issuer."""
    environment(plain_http_hosts="keycloak, login")
    for source in ({"jwks_url": "http://keycloak/keys"}, {"oidc_issuer": "http://login:8080"}):
        assert isinstance(TokenwardSettings(**source).to_keys(), RemoteKeySet)
    with pytest.raises(ConfigurationError, match="plain_http_hosts"):
        TokenwardSettings(jwks_url="http://other/keys").to_keys()


@pytest.mark.parametrize("hosts", ["*", "http://keycloak", "keycloak:8080", "10.0.0.5"])
def test_only_exact_names_are_hosts(hosts):
    """The error names the variable when the settings are built."""
    message = refusal_of(plain_http_hosts=hosts)
    assert message.startswith("TOKENWARD_PLAIN_HTTP_HOSTS must be a collection of exact host names")


def test_a_secret_in_base64_is_decoded(tmp_path, environment):
    """In a variable and in a file, whose last line break does not count."""
    text = base64.b64encode(SECRET.encode()).decode()
    path = tmp_path / "secret"
    path.write_text(f"{text}\n")
    path.chmod(0o600)
    environment(secret_encoding="base64")
    for settings in (TokenwardSettings(secret=text), TokenwardSettings(secret_file=path)):
        signature = settings.to_keys().active.sign(b"message")
        Key.from_secret(SECRET).verify(b"message", signature)
    message = refusal_of(secret=VALUE, secret_encoding="hex")
    assert message == "TOKENWARD_SECRET_ENCODING: Input should be 'base64'."


def test_keys_come_from_files(tmp_path, secret_file):
    """A secret without its line break, a PEM key with its password, a key set, a directory."""
    secret = TokenwardSettings(secret_file=secret_file).to_keys()
    message = b"message"
    Key.from_secret(SECRET).verify(message, secret.active.sign(message))
    pem = tmp_path / "key.pem"
    pem.touch(mode=0o600)
    pem.write_bytes(Key.generate("RS256").private_pem())
    ring = TokenwardSettings(pem_file=pem, algorithm="PS256", kid="mine").to_keys()
    assert (ring.active.algorithm.name, ring.active.kid) == ("PS256", "mine")
    with pytest.raises(ConfigurationError, match="not encrypted"):
        TokenwardSettings(pem_file=pem, pem_password=VALUE).to_keys()
    keys = [Key.generate("EdDSA"), Key.generate("ES256")]
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(KeyRing(keys[0], verifiers=keys[1:]).public_jwks()))
    assert [key.kid for key in TokenwardSettings(jwks_file=jwks).to_keys()] == [
        key.kid for key in keys
    ]
    jwks.write_text(json.dumps(keys[1].public_jwk()))
    assert TokenwardSettings(jwks_file=jwks).to_keys().active.kid == keys[1].kid


def test_a_directory_of_keys_is_loaded(keys_dir):
    """As created by the command line."""
    assert TokenwardSettings(keys_dir=keys_dir).to_keys().active.can_sign


def without(jwk, *names):
    """Return a JWK without some members."""
    return {name: value for name, value in jwk.items() if name not in names}


PUBLIC = Key.generate("ES256", kid="public").public_jwk()
SECRET_JWK = Key.from_secret(SECRET, kid="old").secret_jwk()
EC_PRIVATE = {
    **PUBLIC,
    "d": b64url_encode(b"\x01" * 32),
}
DAMAGED = {
    "text": ("", "is not a JSON Web Key Set"),
    "list": ("[]", "is not a JSON Web Key Set"),
    "no list": ('{"keys": 1}', "is not a JSON Web Key Set"),
    "number": ('{"keys": [1]}', "key 1 is not a JSON object"),
    "empty": ('{"keys": []}', "holds no key for signatures"),
    "no type": ("{}", "key 1 cannot be used: The JWK's 'kty'"),
    "damaged first key": ({"keys": [EC_PRIVATE, SECRET_JWK]}, "key 1 cannot be used"),
    "misspelt type": ({"keys": [EC_PRIVATE | {"kty": "ECC"}, SECRET_JWK]}, "key 1 cannot be used"),
    "misspelt algorithm": ({"keys": [SECRET_JWK | {"alg": "HS-256"}]}, "key 1 cannot be used"),
    "short secret": ({"keys": [PUBLIC, SECRET_JWK | {"k": "c2hvcnQ"}]}, "key 2 cannot be used"),
    "private second": ({"keys": [PUBLIC, SECRET_JWK]}, "begins with a public key"),
    "for encryption": ({"keys": [PUBLIC | {"use": "enc"}]}, "holds no key for signatures"),
}


@pytest.mark.parametrize(("content", "told"), DAMAGED.values(), ids=DAMAGED)
def test_a_key_set_with_a_damaged_key_is_refused(tmp_path, content, told):
    """No other key signs instead of an unusable one; the error names its position."""
    path = tmp_path / "jwks.json"
    path.touch(mode=0o600)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ConfigurationError, match=told) as caught:
        TokenwardSettings(jwks_file=path).to_keys()
    assert str(path) in str(caught.value)
    assert SECRET_JWK["k"] not in str(caught.value)


def test_keys_of_a_set_that_are_not_for_signatures_are_ignored(tmp_path):
    """Keys for encryption, and public keys of an unknown type."""
    path = tmp_path / "jwks.json"
    others = [
        PUBLIC | {"use": "enc"},
        {"kty": "OKP", "crv": "X25519", "x": "AA"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        without(PUBLIC, "use") | {"alg": "ECDH-ES+A256KW"},
        without(PUBLIC, "use") | {"key_ops": ["deriveKey"]},
    ]
    path.write_text(json.dumps({"keys": [*others, PUBLIC]}))
    assert [key.kid for key in TokenwardSettings(jwks_file=path).to_keys()] == ["public"]
    path.write_text(json.dumps({"keys": [without(PUBLIC, "use") | {"key_ops": []}]}))
    with pytest.raises(ConfigurationError, match="do not allow verifying"):
        TokenwardSettings(jwks_file=path).to_keys()


def test_a_secret_can_come_from_a_pipe():
    """Such as that of a shell's <(...)."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        pipe.write(SECRET)
    settings = TokenwardSettings(secret_file=f"/dev/fd/{reading}")
    assert settings.to_keys().active.can_sign
    os.close(reading)


def test_files_without_keys_are_refused(tmp_path):
    """A missing file and a file with other content, by their paths."""
    with pytest.raises(ConfigurationError, match="none' cannot be read: No such file"):
        TokenwardSettings(secret_file=tmp_path / "none").to_keys()
    (tmp_path / "text").write_text("text")
    with pytest.raises(InvalidKeyError, match="text': This is not a PEM key"):
        TokenwardSettings(pem_file=tmp_path / "text").to_keys()


def test_remote_keys_are_fetched_later():
    """Creating the engine sends nothing; an OpenID issuer is also the issuer of the policy."""
    engine_from_settings(TokenwardSettings(jwks_url="https://a.example/jwks", algorithm="ES256"))
    settings = TokenwardSettings(oidc_issuer="https://a.example")
    assert engine_from_settings(settings).policy.issuer == "https://a.example"
    with pytest.raises(ConfigurationError, match="https"):
        TokenwardSettings(jwks_url="ftp://a.example").to_keys()


def test_an_engine_requires_keys():
    """The message names every variable that can configure them."""
    with pytest.raises(ConfigurationError) as caught:
        engine_from_settings()
    assert all(f"TOKENWARD_{name.upper()}" in str(caught.value) for name in KEY_SETTINGS)


def test_a_store_is_created_from_its_url(tmp_path):
    """Memory, SQL and Redis, each with its prefix and timeout."""

    def store(url: str, **options: object) -> object:
        return TokenwardSettings(store_url=url, **options).to_store()

    assert TokenwardSettings().to_store() is None
    assert isinstance(store("memory://"), MemoryStore)
    sql = store(f"sqlite+aiosqlite:///{tmp_path}/a.db", store_prefix="shop_")
    assert isinstance(sql, SqlStore)
    assert all(name.startswith("shop_") for name in sql.metadata.tables)
    tables = store("postgresql+asyncpg://a@b/c", store_schema="auth").metadata.tables
    assert all(name.startswith("auth.tokenward_") for name in tables)
    redis = store("redis://localhost", store_prefix="shop:", store_timeout_seconds="2")
    assert isinstance(redis, RedisStore)
    assert redis.timeout_seconds == 2
    assert isinstance(store("rediss://localhost"), RedisStore)


def test_the_warning_of_a_memory_store_can_be_turned_off(monkeypatch):
    """For a single process that looks like one of several workers."""
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    TokenwardSettings(store_url="memory://single-process").to_store()
    with pytest.warns(RuntimeWarning, match="serves one process"):
        TokenwardSettings(store_url="memory://").to_store()


def test_an_unknown_store_is_refused():
    """The error does not repeat the URL, which may contain a password."""
    message = refusal_of(store_url=f"mysql://root:{VALUE}@host/db")
    assert message.startswith("TOKENWARD_STORE_URL must begin with memory://, ")


def test_a_missing_extra_of_a_store_is_reported(monkeypatch):
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    for name in [name for name in sys.modules if name.startswith("tokenward.stores.redis")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigurationError, match=r"install Tokenward with its extra 'redis'"):
        TokenwardSettings(store_url="redis://localhost").to_store()


def test_missing_pydantic_settings_are_reported(monkeypatch):
    """By an ImportError, when `tokenward.settings` is imported."""
    monkeypatch.setitem(sys.modules, "pydantic_settings", None)
    monkeypatch.delitem(sys.modules, "tokenward.settings.strict_settings")
    with pytest.raises(ImportError, match=r"install Tokenward with its extra 'settings'"):
        import_module("tokenward.settings.strict_settings")
