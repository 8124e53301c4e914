"""Runs commands, in this process or as a user does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tokenward.cli.app import app

# Read before the tests remove every setting from the environment.
REQUIRED = os.environ.get("TOKENWARD_REQUIRE_SERVICES") == "1"
IN_FIFTEEN_MINUTES = "2027-01-15T08:15:00Z"
AT = "2027-01-15T08:03:00Z"


def run(*arguments: object, stdin: str | bytes = "", **env: str) -> Result:
    """Run a command in this process; an expected exception becomes the exit code."""
    result = CliRunner().invoke(app, list(map(str, arguments)), input=stdin, env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def installed_command() -> list[str]:
    """Return the script that is installed beside this Python, or the module if that is allowed."""
    script = Path(sys.executable).with_name("tokenward")
    if script.exists():
        return [str(script)]
    if REQUIRED:
        pytest.fail("The command tokenward is not installed: pip install '.[cli]'")
    return [sys.executable, "-m", "tokenward.cli"]


def run_installed(*arguments: object, stdin: str | bytes = b"", **env: str) -> str:
    """Run the installed command; return its exit code and both outputs as one text."""
    ended = subprocess.run(  # noqa: S603 - our own command
        [*installed_command(), *map(str, arguments)],
        input=stdin if isinstance(stdin, bytes) else stdin.encode(),
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, **env},
    )
    out, err = ended.stdout.decode(), ended.stderr.decode()
    return f"exit code {ended.returncode}\n--- standard output\n{out}--- standard error\n{err}"
