"""The demo runs, and fails when an answer is not the expected one."""

import runpy
import subprocess
import sys
from pathlib import Path

import httpx

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


def test_the_demo_walks_the_example_to_the_end():
    """Served by a real uvicorn, every answer is the expected one, one line a step."""
    run = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(DEMO)], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "{'foo': ['fiz', 'baz']}" in run.stdout
    codes = (
        "token_missing", "signature_invalid", "token_expired", "token_type_invalid",
        "insufficient_scope", "token_revoked", "refresh_token_reused",
    )  # fmt: skip
    assert all(code in run.stdout for code in codes)
    assert "EXPECTED" not in run.stdout


def test_a_wrong_answer_is_counted_and_shown(capsys):
    """A server that lets everybody in does not pass."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={}))
    steps = runpy.run_path(str(DEMO))["Walk"](
        httpx.Client(transport=transport, base_url="http://x")
    )
    steps.step("no token", "GET", "/claims", (401, "token_missing"))
    steps.expect("which are", {}, {"foo": ["fiz", "baz"]})
    assert steps.failures == 2
    assert capsys.readouterr().out.count("EXPECTED") == 2
