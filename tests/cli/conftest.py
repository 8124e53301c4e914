"""An environment without settings, and fixtures for keys and stores."""

import os
from pathlib import Path

import pytest

from tests.cli.support import run
from tests.support import SECRET


@pytest.fixture(autouse=True)
def _without_settings(monkeypatch):
    """Remove the settings of the machine from the environment."""
    for name in os.environ:
        if name.startswith("TOKENWARD_"):
            monkeypatch.delenv(name)


@pytest.fixture
def secret_file(tmp_path) -> Path:
    """Return a file with the secret of the tests, which only its owner can read."""
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text(f"{SECRET}\n")
    return path


@pytest.fixture
def keys_dir(tmp_path) -> Path:
    """Return a directory with one Ed25519 key."""
    path = tmp_path / "keys"
    assert run("keys", "generate", "--keys", path).exit_code == 0
    return path


@pytest.fixture
def store_url(tmp_path) -> str:
    """Return the URL of an SQLite store without tables."""
    return f"sqlite+aiosqlite:///{tmp_path}/revocations.db"
