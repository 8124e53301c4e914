"""The demo succeeds, and fails if a response is not the expected one."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from demo import Walk
from serving import FRAMEWORKS

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_demo(*arguments):
    """Run the script as a user does."""
    return subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(EXAMPLES / "demo.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_demo_walks_each_example_to_the_end(framework):
    """With a real uvicorn, every response is the expected one."""
    run = run_demo(framework)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    assert run.stdout.split()[0] == framework
    assert "{'foo': ['fiz', 'baz']}" in run.stdout
    codes = (
        "token_missing", "signature_invalid", "token_expired", "token_type_invalid",
        "insufficient_scope", "token_revoked", "refresh_token_superseded",
        "csrf_missing", "csrf_mismatch", "origin_not_allowed",
    )  # fmt: skip
    assert all(code in run.stdout for code in codes)
    assert "(1008, 'token_revoked') ok" in run.stdout
    assert "[('a lost phone', False), ('a laptop', True)] ok" in run.stdout
    assert "EXPECTED" not in run.stdout


def test_an_unknown_framework_is_a_usage_error():
    """Nothing is served, and the error lists the known names."""
    run = run_demo("fastapi", "flask")
    assert run.returncode == 2
    assert run.stdout == ""
    assert "unknown: flask (choose from fastapi, litestar, quart)" in run.stderr


def test_a_wrong_answer_is_counted_and_shown(capsys):
    """A server that accepts every request fails the demo."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={}))
    steps = Walk(httpx.Client(transport=transport, base_url="http://x"))
    steps.step("no token", "GET", "/claims", (401, "token_missing"))
    steps.expect("  their values", {}, {"foo": ["fiz", "baz"]})
    assert steps.failures == 2
    assert capsys.readouterr().out.count("EXPECTED") == 2


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_example_is_short(framework):
    """An example has at most 120 lines; shared code is in `shop`."""
    text = (EXAMPLES / f"{framework}_app.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
