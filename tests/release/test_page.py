"""The notes and the hashes of a release."""

import subprocess
from pathlib import Path

import pytest

from release.page import notes_of, sums_of
from tests.release.repository import CHANGELOG


def test_the_notes_are_the_section_of_the_version():
    """Without its heading, and without the sections around it."""
    assert notes_of(CHANGELOG, "0.2.0") == "### Added\n\n- A change.\n"
    with pytest.raises(ValueError, match=r"CHANGELOG.md has no section for 0.3.0\."):
        notes_of(CHANGELOG, "0.3.0")


def test_sha256sum_reads_the_hashes(tmp_path):
    """And finds a changed file."""
    files = [tmp_path / "a", tmp_path / "b"]
    for path in files:
        path.write_text(path.name)
    Path(tmp_path, "SHA256SUMS").write_text(sums_of(files))
    assert check(tmp_path) == 0
    files[0].write_text("changed")
    assert check(tmp_path) == 1


def check(folder):
    """Return the exit code of sha256sum."""
    command = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    return subprocess.run(command, cwd=folder, check=False).returncode  # noqa: S603
