"""A small repository that is ready for the release of version 0.2.0."""

import subprocess
from pathlib import Path

PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "small"
version = "0.2.0"
requires-python = ">=3.11"
urls = { Repository = "https://example.com/small" }
[tool.hatch.build]
include = ["small.py"]
"""
CHANGELOG = """# Changelog

## Unreleased

### Added

## 0.2.0 - 2026-01-31

### Added

- A change.

## 0.1.0 - 2025-12-01

- The first release.
"""


def git(root: Path, *arguments: str) -> None:
    """Run git as nobody in particular."""
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
    command = ["git", *who, *arguments]
    subprocess.run(command, cwd=root, check=True, capture_output=True)  # noqa: S603


def create(root: Path) -> Path:
    """Create and commit the repository."""
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "CHANGELOG.md").write_text(CHANGELOG)
    (root / "SECURITY.md").write_text("Report it.\n")
    (root / "small.py").write_text("")
    (root / ".gitignore").write_text("dist/\n")
    git(root, "init", "--quiet")
    commit(root)
    return root


def commit(root: Path) -> None:
    """Commit every file."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "x")
