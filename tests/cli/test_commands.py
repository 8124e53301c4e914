"""`tokenward issue`, `revoke` and `purge`, the command itself, and its documentation."""

import asyncio
import contextlib
import io
import json
import math
import re
import runpy
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.support import installed_command, run, run_installed
from tests.support import SECRET
from tokenward import Revocation
from tokenward.cli import main
from tokenward.cli.exit_codes import Exit
from tokenward.settings import TokenwardSettings, engine_from_settings

DOCS = Path(__file__).parents[2] / "docs" / "command-line.md"


def issued(*options: object, **env: str) -> str:
    """Issue a token for alice."""
    result = run("issue", "alice", *options, **{"TOKENWARD_SECRET": SECRET, **env})
    assert result.exit_code == 0, result.stderr
    return result.stdout.removesuffix("\n")


def claims_of(token: str) -> dict[str, object]:
    """Return the claims of a token, from inspect."""
    result = run("inspect", "--json", stdin=token, TOKENWARD_SECRET=SECRET)
    assert json.loads(result.stdout)["verified"]
    return json.loads(result.stdout)["claims"]


def test_issue_prints_only_the_token():
    """`issue` prints one line, a token that `inspect` finds valid."""
    token = issued()
    assert re.fullmatch(r"[\w.-]+", token)
    assert run("inspect", stdin=token, TOKENWARD_SECRET=SECRET).exit_code == 0
    said = run("issue", "alice", "--json", TOKENWARD_SECRET=SECRET).stdout
    assert list(json.loads(said)) == ["token"]


def test_issue_accepts_everything_that_a_token_can_contain():
    """`issue` has options for scope, login, actor, lifetime, type and custom claims."""
    options = ("--scope", "a", "--scope", "b", "--fresh", "--lifetime", "5m")
    own = ("--claim", "tenant=a=b", "--claims", '{"roles": ["x"], "n": 1}')
    claims = claims_of(issued(*options, *own))
    assert (claims["sub"], claims["scope"], claims["tenant"]) == ("alice", "a b", "a=b")
    assert (claims["roles"], claims["n"]) == (["x"], 1)
    assert claims["exp"] - claims["iat"] == 300
    assert claims["fresh"] is not False
    assert claims_of(issued("--type", "refresh"))["type"] == "refresh"
    claims = claims_of(issued("--acr", "mfa", "--actor", "orders-api"))
    assert (claims["acr"], claims["act"]) == ("mfa", {"sub": "orders-api"})


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--claims", "["), 2, "JSON object"),
        (("--claims", "\udcff"), 2, "JSON object"),
        (("--claims", '["a"]'), 2, "JSON object"),
        (("--claims", '{"a": {"b": 1, "b": 2}}'), 2, "each name once"),
        (("--claims", '{"a":' * 20_000), 2, "JSON object"),
        (("--claim", "tenant"), 2, "NAME=TEXT"),
        (("--claim", "=x"), 2, "NAME=TEXT"),
        (("--claim", "a=1", "--claim", "a=2"), 2, "each name once"),
        (("--type", "id"), 2, "id"),
        (("--claim", "exp=1"), 1, "exp"),
        (("--lifetime", "soon"), 1, "Expected seconds"),
        (("--lifetime", "never"), 1, "lifetime is NEVER"),
        (("--acr", "two levels"), 1, "acr must be text"),
        (("--actor", ""), 2, "--actor requires a subject"),
    ],
    ids=range(14),
)
def test_invalid_options_of_issue_are_refused(options, code, message):
    """Command-line mistakes exit with 2, errors of the engine with 1, and no token is printed."""
    result = run("issue", "alice", *options, TOKENWARD_SECRET=SECRET)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr


def test_without_a_signing_key_nothing_is_issued(tmp_path, keys_dir):
    """`issue` fails without keys, and with keys that only verify."""
    result = run("issue", "alice")
    assert (result.exit_code, "No keys are configured" in result.stderr) == (1, True)
    jwks = tmp_path / "jwks.json"
    jwks.write_text(run("keys", "export", "--keys", keys_dir).stdout)
    result = run("issue", "alice", "--jwks", jwks)
    assert (result.exit_code, "key_cannot_sign" in result.stderr) == (1, True)


@pytest.fixture
def shared(store_url) -> dict[str, str]:
    """Return an environment with a secret and a store with tables."""

    async def create() -> None:
        async with TokenwardSettings(store_url=store_url).to_store() as store:
            await store.create_tables()

    asyncio.run(create())
    return {"TOKENWARD_SECRET": SECRET, "TOKENWARD_STORE_URL": store_url}


def is_valid(token: str, env: dict[str, str]) -> bool:
    """Return whether inspect finds a token valid."""
    return run("inspect", stdin=token, **env).exit_code == 0


def test_a_token_is_revoked(shared):
    """The token on the standard input or in a variable is revoked, and no other token."""
    first, second, third = issued(), issued(), issued()
    result = run("revoke", "--token-env", "MINE", MINE=first, **shared)
    assert (result.exit_code, result.stdout) == (0, "The token is revoked.\n")
    assert (
        run("revoke", "-", "--json", stdin=second, **shared).stdout
        == '{\n  "revoked": "token"\n}\n'
    )
    assert [is_valid(each, shared) for each in (first, second, third)] == [False, False, True]


def issued_by_a_service(shared, **settings: object) -> str:
    """Issue a token for bob, as a service that shares the store does."""

    async def pair() -> str:
        url = shared["TOKENWARD_STORE_URL"]
        service = TokenwardSettings(secret=SECRET, store_url=url, **settings)
        async with service.to_store() as store:
            engine = engine_from_settings(service, store=store)
            return (await engine.issue_pair("bob")).access_token

    return asyncio.run(pair())


def kept_for_seconds(shared) -> float:
    """Return how long the record of a session or a subject is kept."""
    path = shared["TOKENWARD_STORE_URL"].removeprefix("sqlite+aiosqlite:///")
    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT identity, keep_until FROM tokenward_revocations").fetchall()
    (until,) = [until for identity, until in rows if identity.startswith(("session:", "subject:"))]
    return until - datetime.now(UTC).timestamp()


def test_a_session_and_a_subject_are_revoked_without_keys(shared):
    """Without keys, `revoke` takes the retention from the store, where the service has written it."""
    of_bob, of_alice = issued_by_a_service(shared), issued()
    store = {"TOKENWARD_STORE_URL": shared["TOKENWARD_STORE_URL"]}
    assert run("revoke", "--session", claims_of(of_bob)["sid"], **store).exit_code == 0
    assert (is_valid(of_bob, shared), is_valid(of_alice, shared)) == (False, True)
    assert run("revoke", "--subject", "alice", **store).exit_code == 0
    assert not is_valid(of_alice, shared)


@pytest.mark.parametrize("kind", ["--session", "--subject"])
def test_a_revocation_of_unknown_retention_is_refused(shared, kind):
    """A store that no service has used has no retention, so that the option must set it."""
    store = {"TOKENWARD_STORE_URL": shared["TOKENWARD_STORE_URL"]}
    result = run("revoke", kind, "x", **store)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--longest-lifetime 90d" in result.stderr
    assert run("revoke", kind, "x", "--longest-lifetime", "90d", **store).exit_code == 0
    assert 90 * 86_400 < kept_for_seconds(shared) < 90 * 86_400 + 700
    assert run("revoke", kind, "y", **store).exit_code == 0


@pytest.mark.parametrize("env", [{"TOKENWARD_SECRET": SECRET}, {"TOKENWARD_MAX_TOKEN_AGE": "31d"}])
def test_the_settings_of_a_service_contain_the_retention(shared, env):
    """With signing keys or a maximum age of tokens, no entry in the store is needed."""
    store = {"TOKENWARD_STORE_URL": shared["TOKENWARD_STORE_URL"]}
    assert run("revoke", "--subject", "x", **store, **env).exit_code == 0


def test_a_revocation_is_kept_as_long_as_the_tokens_of_any_service(shared):
    """A longer lifetime that a service has written to the store decides how long a revocation is kept."""
    issued_by_a_service(shared, refresh_lifetime="120d")
    store = {"TOKENWARD_STORE_URL": shared["TOKENWARD_STORE_URL"]}
    assert run("revoke", "--subject", "x", **store).exit_code == 0
    assert 120 * 86_400 < kept_for_seconds(shared) < 120 * 86_400 + 700


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--subject", "x", "--longest-lifetime", "0"), 2, "above zero"),
        (("--subject", "x", "--longest-lifetime", "soon"), 1, "or 'never'"),
        (("-", "--longest-lifetime", "1d"), 2, "requires --session or --subject"),
    ],
)
def test_an_invalid_longest_lifetime_is_refused(shared, options, code, message):
    """An invalid longest lifetime writes nothing to the store."""
    result = run("revoke", *options, **shared)
    assert (result.exit_code, message in result.stderr) == (code, True)


def test_tokens_that_never_expire_are_denied_forever(shared):
    """With `--longest-lifetime never`, the store keeps the unlimited retention."""
    store = {"TOKENWARD_STORE_URL": shared["TOKENWARD_STORE_URL"]}
    assert run("revoke", "--subject", "x", "--longest-lifetime", "never", **store).exit_code == 0

    async def known() -> float:
        async with TokenwardSettings(store_url=shared["TOKENWARD_STORE_URL"]).to_store() as store:
            return await store.raise_retention(0)

    assert asyncio.run(known()) == math.inf


def test_only_valid_tokens_are_revoked(shared, keys_dir):
    """Tokens of another key, garbage, empty input and two arguments at once are refused."""
    foreign = issued("--keys", keys_dir)
    assert run("revoke", "-", stdin=foreign, **shared).exit_code == 1
    assert run("revoke", "-", stdin="garbage", **shared).exit_code == 1
    assert (
        run(
            "revoke", "-", stdin=foreign, TOKENWARD_STORE_URL=shared["TOKENWARD_STORE_URL"]
        ).exit_code
        == 1
    )
    for arguments in ((), ("-", "--subject", "y"), ("--session", "x", "--subject", "y")):
        assert run("revoke", *arguments, **shared).exit_code == 2


@pytest.mark.parametrize("command", ["inspect", "revoke"])
def test_a_token_is_not_an_argument(command):
    """The error names the alternatives, and does not repeat the token, which a log could keep."""
    token = issued()
    for arguments in ((token,), ("-", token), (token, token), ("--token-env", "MINE", "-")):
        result = run(command, *arguments, stdin=token, TOKENWARD_SECRET=SECRET, MINE=token)
        assert (result.exit_code, result.stdout) == (2, "")
        assert token not in result.stderr
        assert "--token-env" in result.stderr
    result = run(command, "--token-env", "NONE", TOKENWARD_SECRET=SECRET)
    assert (result.exit_code, "The variable NONE is not set" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    "command", [("revoke", "--subject", "x"), ("purge",)], ids=["revoke", "purge"]
)
def test_a_command_requires_a_shared_store(command):
    """A store in memory and a missing store are refused: a revocation would end with the command."""
    for env in ({}, {"TOKENWARD_STORE_URL": "memory://"}):
        result = run(*command, **env)
        assert (result.exit_code, "shared store is required" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    "command", [("revoke", "--subject", "x"), ("purge",)], ids=["revoke", "purge"]
)
def test_a_store_that_does_not_answer_is_unavailable(command):
    """A store at an address where nothing listens gives exit code 3 and one line."""
    url = "postgresql+asyncpg://u:very-secret@127.0.0.1:1/d"
    result = run(*command, TOKENWARD_STORE_URL=url)
    assert result.exit_code == 3
    assert result.stderr.startswith("tokenward: store_unavailable: ")
    assert result.stderr.count("\n") == 1
    assert "very-secret" not in result.stderr


@pytest.mark.parametrize(
    "command", [("revoke", "--subject", "x"), ("purge",)], ids=["revoke", "purge"]
)
def test_missing_tables_are_reported_with_the_fix(command, store_url):
    """Missing tables give exit code 1, because waiting does not help."""
    result = run(*command, TOKENWARD_STORE_URL=store_url)
    assert (result.exit_code, "create_tables()" in result.stderr) == (1, True)


def test_purge_removes_expired_records(shared):
    """`purge` prints how many records it removed."""

    async def put() -> None:
        async with TokenwardSettings(store_url=shared["TOKENWARD_STORE_URL"]).to_store() as store:
            for number in range(3):
                await store.revoke(Revocation("token", f"{number}", keep_until=2.0), now=1.0)

    asyncio.run(put())
    assert run("purge", **shared).stdout == "3 records removed.\n"
    assert json.loads(run("purge", "--json", **shared).stdout) == {"removed": 0}


def test_settings_also_come_from_an_env_file(tmp_path):
    """Every command reads an env file."""
    path = tmp_path / ".env"
    path.write_text(f"TOKENWARD_SECRET={SECRET}\nTOKENWARD_ISSUER=me\n")
    token = run("issue", "alice", "--env-file", path).stdout.strip()
    assert claims_of(token)["iss"] == "me"


def test_the_command_is_installed_and_is_a_module_too():
    """The script and the module both list the commands."""
    assert "inspect" in run_installed("--help")
    said = subprocess.run(
        [sys.executable, "-m", "tokenward.cli", "--help"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"Usage: tokenward" in said.stdout


def test_the_module_runs_the_command_line_of_its_process(monkeypatch, capsys):
    """The module uses the arguments of the process."""
    monkeypatch.setattr(sys, "argv", ["tokenward", "inspect", "--at", "x"])
    monkeypatch.delitem(sys.modules, "tokenward.cli.__main__", raising=False)
    with pytest.raises(SystemExit, match="2"):
        runpy.run_module("tokenward.cli", run_name="__main__")
    assert "--at takes ISO 8601" in capsys.readouterr().err


def test_output_may_be_any_stream():
    """The output may be a stream without an encoding."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "Usage: tokenward" in out.getvalue()


def test_a_terminal_that_lacks_a_character_gets_its_escape():
    """An encoding without the character does not make the command fail."""
    token = issued("--claim", "name=Zoë")
    said = run_installed("inspect", stdin=token, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "exit code 1" in said
    assert '"Zo\\xeb"' in said


@pytest.mark.parametrize("package", ["typer", "rich", "pydantic_settings"])
def test_a_missing_extra_is_reported(monkeypatch, capsys, package):
    """A missing extra has its own exit code."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit, match="4"):
        main([])
    assert capsys.readouterr().err == (
        "tokenward: install Tokenward with its extra 'cli' for the command line\n"
    )


def test_tokenward_does_not_import_the_command_line():
    """`import tokenward` imports neither the command line nor typer, rich and pydantic-settings."""
    code = (
        "import sys, tokenward, tokenward.cli; "
        "raise SystemExit(bool({'typer', 'rich', 'pydantic_settings'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)  # noqa: S603 - ours


@pytest.mark.parametrize(
    "command",
    [
        ("inspect", "--help"), ("issue", "--help"), ("revoke", "--help"), ("purge", "--help"),
        ("doctor", "--help"), ("keys", "generate", "--help"), ("keys", "list", "--help"),
        ("keys", "rotate", "--help"), ("keys", "export", "--help"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_command_answers_in_json_and_is_documented(command):
    """Every command has --json and is documented, and none has an option that takes a secret."""
    said = run(*command).stdout
    assert "--json" in said
    assert "--env-file" in said
    assert not re.search(r"--(secret|password)[ =]", said)
    options = set(re.findall(r"^  (--[a-z-]+)", said, re.MULTILINE)) - {"--help"}
    documented = set(re.findall(r"--[a-z-]+", DOCS.read_text()))
    assert options <= documented, options - documented
    assert f"tokenward {' '.join(command[:-1])}" in DOCS.read_text()


def test_the_exit_codes_are_documented():
    """The documentation lists every exit code, including that of a missing extra."""
    rows = re.findall(r"^\| (\d) \|", DOCS.read_text(), re.MULTILINE)
    assert list(map(int, rows)) == [*Exit, 4]
    assert installed_command()
