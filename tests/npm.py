"""Packages of npm, for tests that run a program for browsers or for Node."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["npm_install"]


def npm_install(directory: Path, *packages: str) -> Path:
    """Install packages and return the directory ``node_modules``.

    Without npm or its registry the test is skipped; or fails if services are required.
    """
    npm = shutil.which("npm")
    if npm is None:
        _unavailable("There is no npm. Install it with: apt-get install npm")

    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    ran = subprocess.run(  # noqa: S603 - fixed arguments
        [npm, "install", *options, "--prefix", str(directory), *packages],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if ran.returncode:
        _unavailable(f"npm could not install {' '.join(packages)}: {ran.stderr}")
    return directory / "node_modules"


def _unavailable(message: str) -> None:
    if os.environ.get("TOKENWARD_REQUIRE_SERVICES") == "1":
        pytest.fail(message)
    pytest.skip(message)
