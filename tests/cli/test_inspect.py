"""`tokenward inspect`, for valid, invalid and hostile tokens; with golden files."""

import asyncio
import base64
import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json
from typer.testing import Result

from tests.cli.support import AT, run, run_installed
from tests.remote.issuer import Issuer, serving
from tests.support import NOW, OTHER_SECRET, SECRET, payload_of, signed
from tokenward import (
    ConfigurationError,
    Key,
    KeyRing,
    RemoteKeySet,
    TokenEngine,
    TokenPolicy,
)
from tokenward.cli.configuration import settings_of
from tokenward.cli.options import Common, KeyOptions
from tokenward.cli.token_input import token_text
from tokenward.jose.codec import b64url_encode
from tokenward.settings import TokenwardSettings

GOLDEN = Path(__file__).parent / "golden"
ISSUER = "https://shop.example"
PAYLOAD = payload_of(iss=ISSUER, aud="shop-api", tenant="acme", nbf=...)
VALID = signed(PAYLOAD)
FORGED = signed({**PAYLOAD, "sub": "root"}, key=Key.from_secret(OTHER_SECRET))
OF_ALICE = {"audience": "shop-api", "issuer": ISSUER}

CASES = {
    "valid": (VALID, ()),
    "valid_json": (VALID, ("--json",)),
    "expired": (signed({**PAYLOAD, "iat": int(NOW) - 90_000, "exp": int(NOW) - 86_400}), ()),
    "forged": (FORGED, ()),
    "garbage": ("\x1b[2J.garbage.\u202etxt", ()),
    "garbage_json": ("garbage", ("--json",)),
}


def inspect(token: str, *options: object, at: str = AT, **env: str) -> dict[str, object]:
    """Inspect a token in JSON."""
    return json.loads(run("inspect", "--json", "--at", at, *options, stdin=token, **env).stdout)


def codes(token: str, *options: object, **env: str) -> list[str]:
    """Inspect a token, and return the codes of its problems."""
    return [each["code"] for each in inspect(token, *options, **env)["problems"]]


@pytest.mark.parametrize("case", CASES)
def test_the_installed_command_prints_the_golden_files(case, secret_file):
    """The output and exit code for a valid, an expired, a forged and a garbage token are exact."""
    token, options = CASES[case]
    said = run_installed(
        "inspect",
        *("--secret-file", secret_file, "--at", AT, *options),
        stdin=token,
        TOKENWARD_ISSUER=ISSUER,
        TOKENWARD_AUDIENCE="shop-api",
    )
    assert said == (GOLDEN / f"{case}.txt").read_text()


def test_without_keys_nothing_is_verified():
    """Without keys, the first line says that nothing is verified, and the exit code is not 0."""
    said = run_installed("inspect", "--at", AT, "--audience", "shop-api", stdin=VALID)
    assert said == (GOLDEN / "unverified.txt").read_text()


def test_a_token_is_read_from_the_input_or_a_variable(secret_file):
    """The token comes from the input, with '-' or without arguments, or from a named variable."""
    for arguments, stdin in ((("--token-env", "MINE"), ""), (("-",), f"\n{VALID}\n"), ((), VALID)):
        result = run(
            "inspect",
            *arguments,
            *("--secret-file", secret_file, "--at", AT, "--audience", "shop-api"),
            stdin=stdin,
            MINE=VALID,
        )
        assert (result.exit_code, result.stdout[:6]) == (0, "VALID:")


def test_on_a_terminal_the_command_asks_for_the_token(monkeypatch, capsys):
    """On a terminal, the command prints that it waits for a token."""
    ours, terminal = os.openpty()
    os.write(ours, VALID.encode() + b"\n\x04")
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert token_text(None, None) == VALID
    os.close(ours)
    assert "Paste the token" in capsys.readouterr().err


def test_every_fault_is_listed_with_the_engines_code(secret_file):
    """All faults of a token are listed, not only the first."""
    keys = ("--secret-file", secret_file)
    wrong = signed(payload_of(iss="x", aud=["y"], type="id", jti=..., exp=1))
    assert codes(wrong, *keys, "--issuer", ISSUER, "--audience", "shop-api") == [
        "claim_missing", "issuer_invalid", "audience_invalid", "token_type_invalid", "token_expired",
    ]  # fmt: skip
    bare = signed({"sub": "a"})
    missing = inspect(bare, *keys, "--issuer", ISSUER, "--audience", "a")["problems"]
    assert {each["claim"] for each in missing} == {"exp", "iat", "jti", "type", "iss", "aud"}
    assert codes(signed(payload_of(nbf=NOW + 9e5)), *keys) == ["token_not_yet_valid"]
    assert codes(signed(payload_of(exp="soon")), *keys) == ["claim_invalid"]
    assert codes(signed(payload_of(aud=[""])), *keys) == ["audience_invalid"]
    assert codes(signed(payload_of(aud=[])), *keys) == ["audience_invalid"]


def test_the_other_faults_of_a_forged_token_are_listed(secret_file):
    """The other faults of a forged token are found in its unverified claims."""
    forged = signed(payload_of(exp=1, aud="x"), key=Key.from_secret(OTHER_SECRET))
    assert codes(forged, "--secret-file", secret_file) == [
        "signature_invalid", "audience_invalid", "token_expired",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"alg": "HS256", "crit": ["b64"]}, "header_unsupported"),
        ({"alg": "none"}, "algorithm_mismatch"),
        ({"alg": "HS512"}, "algorithm_mismatch"),
    ],
)
def test_a_token_with_an_unusable_header_is_not_verified(secret_file, header, code):
    """A token with an unusable header is shown, but not verified."""
    said = inspect(signed(payload_of(), header=header), "--secret-file", secret_file)
    assert [each["code"] for each in said["problems"]] == [code]
    assert (said["verdict"], said["verified"], said["header"]) == ("not-verified", False, header)


def test_an_unknown_key_id_is_reported(secret_file):
    """A secret without an id verifies tokens with any key id, unless another secret signed them."""
    header = {"alg": "HS256", "kid": "x"}
    foreign = signed(payload_of(), key=Key.from_secret(OTHER_SECRET), header=header)
    assert codes(foreign, "--secret-file", secret_file) == ["key_unknown"]
    assert codes(signed(payload_of(), header=header), "--secret-file", secret_file) == []


def test_without_keys_an_unknown_algorithm_is_reported():
    """Without keys, an unknown algorithm is a fault, and a known algorithm is not."""
    assert codes(signed(payload_of(), header={"alg": "none"})) == ["algorithm_mismatch"]
    assert codes(signed(payload_of(), header={"alg": "HS512", "typ": "x"})) == [
        "token_type_invalid"
    ]
    assert codes(signed(payload_of(), header={"alg": "ES256", "kid": "x"})) == []
    assert codes(signed(payload_of(), header={"alg": "ES256", "zip": "x"})) == [
        "header_unsupported"
    ]


def test_an_audience_that_is_not_configured_is_explained(secret_file):
    """A token with an audience is refused if none is configured, and the hint names the option."""
    result = run("inspect", "--secret-file", secret_file, "--at", AT, stdin=VALID)
    assert result.stdout.startswith("INVALID: the signature is valid, but the token is refused.\n")
    assert "audience_invalid" in result.stdout
    assert "set one with --audience" in result.stdout
    result = run("inspect", "--secret-file", secret_file, "--audience", "x", stdin=VALID)
    assert "set one with --audience" not in result.stdout


HOSTILE = "\x1b]0;owned\x07\x9b2J\x7f\r\n\u202e\u2066\u200b\u00ad\U000e0041[bold red]VALID[/]\u2028"


@pytest.mark.parametrize("place", ["value", "name", "nested", "header"])
@pytest.mark.parametrize("option", [(), ("--json",)], ids=["text", "json"])
def test_nothing_that_acts_on_a_terminal_is_printed(place, option):
    """Escape sequences, bidirectional marks, line breaks and markup are not printed."""
    claims = {
        "value": {"x": HOSTILE},
        "name": {HOSTILE: 1},
        "nested": {"x": [{HOSTILE: [HOSTILE]}]},
    }.get(place, {})
    header = {"alg": "HS256", "kid": HOSTILE} if place == "header" else {"alg": "HS256"}
    token = signed(payload_of(**claims), header=header)
    result = run("inspect", *option, stdin=token, FORCE_COLOR="", TERM="dumb")
    shown = result.stdout + result.stderr
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
    assert "[bold red]VALID[/]" in shown
    assert not any(line.startswith("VALID") for line in shown.splitlines())


def test_a_lone_surrogate_in_a_header_is_escaped():
    """A lone surrogate, which Python can read but no terminal can print, is escaped."""
    token = signed(payload_of(), header=b'{"alg":"HS256","kid":"\\ud800"}')
    assert '"\\ud800"' in run("inspect", stdin=token).stdout


def test_long_values_are_shortened():
    """A long value is shortened in the text, and complete in JSON."""
    token = signed(payload_of(x="y" * 5_000))
    assert f'"{"y" * 399}… (5002 characters)' in run("inspect", stdin=token).stdout
    assert inspect(token)["claims"]["x"] == "y" * 5_000


def _token(payload: bytes, header: bytes = b'{"alg":"HS256"}', signature: bytes = b"x" * 32) -> str:
    return ".".join(map(b64url_encode, (header, payload, signature)))


GARBAGE = {
    "nothing": "",
    "blanks": " \n",
    "one segment": "abc",
    "five segments": "a.b.c.d.e",
    "not base64url": "a+b=.e30.",
    "no JSON": _token(b"{"),
    "no object": _token(b"[]"),
    "no number": _token(b'{"x":NaN}'),
    "infinite": _token(b'{"x":1e999}'),
    "infinite header": _token(b"{}", b'{"alg":"HS256","x":1e999}'),
    "deep": _token(b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
    "deep header": _token(b"{}", b'{"alg":' + b"[" * 900 + b"]" * 900 + b"}"),
    "a number of 5,000 digits": _token(b'{"x":' + b"9" * 5_000 + b"}"),
    "twice the same name in the header": _token(b"{}", b'{"alg":"HS256","alg":"none"}'),
    "longer than the policy takes": _token(b'{"x":"' + b"y" * 20_000 + b'"}'),
    "longer than anything": "a." * 600_000,
    "not ASCII": "é.ü.ö",
    "no UTF-8": b"\xff\xfe.\x00.",
    "no text for alg": _token(b"{}", b'{"alg":1}'),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_gives_one_line_and_no_traceback(name):
    """Garbage gives one line on the standard error, with the engine's code."""
    result = run("inspect", stdin=GARBAGE[name])
    if name == "no text for alg":
        assert "token_malformed" in result.stdout
    else:
        assert result.stdout == ""
        assert result.stderr.startswith("tokenward: token_malformed: ")
        assert result.stderr.count("\n") == 1
    assert result.exit_code == 1


def test_the_deepest_allowed_nesting_is_shown():
    """The deepest nesting that the engine's parser accepts is shown in both formats."""
    nested = b"[" * 190 + b"]" * 190
    token = _token(b'{"x":' + nested + b"}")
    assert nested.decode() in run("inspect", stdin=token).stdout
    assert json.loads(run("inspect", "--json", stdin=token).stdout)["claims"] == {
        "x": json.loads(nested)
    }


@given(token=st.text() | st.binary() | st.builds(_token, st.binary(), st.binary(), st.binary()))
def test_no_input_causes_a_traceback(token):
    """Any input gives an answer or one line, and is never valid."""
    result = run("inspect", stdin=token, TOKENWARD_SECRET=SECRET)
    assert result.exit_code == 1
    assert result.stdout or result.stderr.count("\n") == 1


_TEXT = st.text(max_size=20)
_MEMBERS = st.dictionaries(
    _TEXT,
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)


@given(claims=_MEMBERS, header=_MEMBERS)
def test_claims_and_headers_of_strangers_are_escaped(claims, header):
    """Every line of the output is printable, whatever the members are."""
    token = _token(to_json(claims), to_json({"alg": "HS256", **header}))
    for option in ((), ("--json",)):
        result = run("inspect", *option, stdin=token, TOKENWARD_SECRET=SECRET)
        assert result.exit_code == 1
        assert all(line.isprintable() for line in result.stdout.split("\n"))


def test_the_signature_is_never_shown_whole():
    """At most a quarter of the signature is shown, in text and in JSON."""
    for signature in (b"", b"x", b"x" * 12, b"x" * 64, b"x" * 3_000):
        token = _token(json.dumps(payload_of()).encode(), signature=signature)
        whole = b64url_encode(signature)
        for option in ((), ("--json",)):
            shown = run("inspect", *option, stdin=token).stdout
            assert f"({len(signature)} bytes)" in shown
            assert len(whole) == 0 or whole not in shown
    assert inspect(VALID)["signature"].startswith(f"{VALID.rpartition('.')[2][:8]}… ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (0.4, "now"),
        (-1, "1 second ago"),
        (59, "in 59 seconds"),
        (60, "in 1 minute"),
        (-720, "12 minutes ago"),
        (7_200, "in 2 hours"),
        (172_800, "in 2 days"),
        (-6_480_000, "75 days ago"),
        (94_608_000, "in 3 years"),
    ],
)
def test_times_are_dates_and_distances(seconds, words):
    """Times are shown as dates in UTC, and as the distance from now."""
    token = signed(payload_of(exp=NOW + seconds))
    assert inspect(token, at=str(NOW))["times"]["exp"]["relative"] == words


@pytest.mark.parametrize("value", [True, "soon", -1, 1e300, 10**400, None, [1]])
def test_a_claim_that_is_not_a_time_has_no_date(value):
    """A claim that is not a time is shown unchanged."""
    said = inspect(signed(payload_of(auth_time=value)))
    assert "auth_time" not in said["times"]
    assert said["claims"]["auth_time"] == value


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2027-01-15T08:00:00Z", "2027-01-15T08:00:00Z"),
        ("2027-01-15T10:00:00+02:00", "2027-01-15T08:00:00Z"),
        ("2027-01-15", "2027-01-15T00:00:00Z"),
        ("1800000000.9", "2027-01-15T08:00:00Z"),
    ],
)
def test_the_time_can_be_set(text, date):
    """The time of the check can be set; without a zone it is in UTC."""
    assert inspect(VALID, at=text)["inspected_at"] == date


@pytest.mark.parametrize("text", ["soon", "-1", "1e9", "999999999999", "0001-01-01T00:00:00+14:00"])
def test_an_invalid_time_is_refused(text):
    """An invalid time is a command-line mistake."""
    result = run("inspect", f"--at={text}", stdin=VALID)
    assert result.exit_code == 2
    assert "--at takes ISO 8601" in result.stderr


def test_the_default_time_is_now():
    """The default time is that of the system's clock."""
    said = json.loads(run("inspect", "--json", stdin=VALID).stdout)
    assert said["inspected_at"] > "2020"


def test_keys_come_from_any_source(tmp_path, keys_dir, secret_file):
    """Keys come from a directory, a secret in a file or variable, an encrypted PEM file, or a key set."""
    key = TokenwardSettings(keys_dir=keys_dir).to_keys().active
    token = signed(payload_of(), key=key)
    jwks, pem = tmp_path / "jwks.json", tmp_path / "key.pem"
    jwks.write_text(json.dumps(KeyRing(key).public_jwks()))
    pem.touch(mode=0o600)
    pem.write_bytes(key.private_pem())
    for option in (("--keys", keys_dir), ("--jwks", jwks), ("--pem", pem, "--algorithm", "EdDSA")):
        assert inspect(token, *option)["verified"]
    weak = signed(payload_of())
    assert inspect(weak, "--secret-file", secret_file)["verified"]
    assert inspect(weak, "--secret-env", "MINE", MINE=SECRET)["verified"]
    encoded = {"MINE": base64.b64encode(SECRET.encode()).decode()}
    decode = ("--secret-env", "MINE", "--secret-encoding", "base64")
    assert inspect(weak, *decode, **encoded)["verified"]
    assert inspect(weak, TOKENWARD_SECRET=SECRET)["verified"]
    # What is named comes in the place of what the environment has.
    other = {"TOKENWARD_SECRET": encoded["MINE"], "TOKENWARD_SECRET_ENCODING": "base64"}
    assert inspect(weak, **other)["verified"]
    assert inspect(weak, "--secret-file", secret_file, **other)["verified"]
    assert not inspect(weak, "--keys", keys_dir, TOKENWARD_SECRET=SECRET)["verified"]
    result = run("inspect", "--pem", pem, "--pem-password-env", "MINE", stdin=weak, MINE="x")
    assert "not encrypted" in result.stderr


def test_the_plain_hosts_of_the_environment_hold_for_a_url(monkeypatch):
    """They are a fact about the network, whatever the source of the keys is."""
    options = KeyOptions(jwks="http://keycloak:8080/keys")
    with pytest.raises(ConfigurationError, match="plain_http_hosts"):
        settings_of(Common(), options).to_keys()
    monkeypatch.setenv("TOKENWARD_PLAIN_HTTP_HOSTS", "keycloak")
    assert isinstance(settings_of(Common(), options).to_keys(), RemoteKeySet)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--keys", "a", "--pem", "b"), "Use only one of"),
        (("--secret-env", "TOKENWARD_TEST_NONE"), "TOKENWARD_TEST_NONE is not set"),
        (("--pem-password-env", "X"), "--pem-password-env requires --pem"),
        (("--pem", "a", "--secret-encoding", "base64"), "--secret-encoding requires"),
        (("--keys", "a", "--algorithm", "HS256"), "--algorithm requires"),
        (("--env-file", "none"), "does not exist"),
        (("--secret", "x"), "No such option"),
    ],
)
def test_contradicting_options_are_refused(options, message):
    """Contradicting options are a command-line mistake."""
    result = run("inspect", *options, stdin=VALID)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_refused_configuration_ends_the_command():
    """A refused configuration gives one line, or JSON with --json."""
    result = run("inspect", stdin=VALID, TOKENWARD_LEEWAI="1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("tokenward: configuration_invalid: TOKENWARD_LEEWAI is not")
    result = run("inspect", "--json", stdin=VALID, TOKENWARD_LEEWAI="1")
    assert json.loads(result.stdout)["error"]["code"] == "configuration_invalid"


def test_a_key_set_is_fetched_and_one_that_does_not_answer_is_unavailable():
    """A remote key set is fetched; if it does not answer, the exit code is 3."""
    key, issuer = Key.generate("ES256"), Issuer()
    with serving(issuer) as port:
        issuer.url = f"http://127.0.0.1:{port}"
        issuer.publish(key)
        token = issuer.token(key)
        assert inspect(token, "--jwks", issuer.jwks_url)["verified"]
        assert inspect(token, TOKENWARD_JWKS_URL=issuer.jwks_url)["verified"]
        issuer.replies.clear()
        result = run("inspect", "--jwks", issuer.jwks_url, stdin=token)
    assert result.exit_code == 3
    assert "tokenward: keys_unavailable: " in result.stderr


async def _revoked(store_url: str, token: str) -> None:
    async with TokenwardSettings(store_url=store_url).to_store() as store:
        await store.create_tables()
        engine = TokenEngine(
            KeyRing.from_secret(SECRET),
            policy=TokenPolicy(audience="shop-api"),
            store=store,
            clock=lambda: NOW,
        )
        await engine.revoke(token)


async def test_a_revoked_token_is_reported_if_a_store_is_configured(store_url, secret_file):
    """A revoked token is reported; the exit code is 3 if the store is down, 1 if it has no tables."""
    command = ("inspect", "--token-env", "MINE", "--secret-file", secret_file, "--at", AT)
    env = {"TOKENWARD_AUDIENCE": "shop-api", "MINE": VALID}
    nowhere = "postgresql+asyncpg://u:very-secret@127.0.0.1:1/d"
    said = await _in_thread(*command, TOKENWARD_STORE_URL=nowhere, **env)
    assert (said.exit_code, "store_unavailable" in said.stdout) == (3, True)
    env["TOKENWARD_STORE_URL"] = store_url
    said = await _in_thread(*command, **env)
    assert (said.exit_code, "create_tables()" in said.stderr) == (1, True)
    await _revoked(store_url, VALID)
    said = await _in_thread(*command, **env)
    assert (said.exit_code, "token_revoked" in said.stdout) == (1, True)


async def _in_thread(*command: object, **env: str) -> Result:
    return await asyncio.to_thread(run, *command, **env)
