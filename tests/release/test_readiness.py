"""What stops a release, and what the message tells to do."""

from datetime import date
from pathlib import Path

import pytest

from release.readiness import NOT_YET, main, problems_of
from tests.release import repository

TODAY = date(2026, 1, 31)


@pytest.fixture
def root(tmp_path):
    """Give a repository that is ready for the release of 0.2.0."""
    return repository.create(tmp_path)


def replace(root, name, old, new):
    """Replace a text in a file, and commit it."""
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))
    repository.commit(root)


def test_a_ready_repository_has_no_problem(root):
    """The version, the changelog, the tag and the files are as they should be."""
    assert problems_of(root, "0.2.0", today=TODAY) == []


@pytest.mark.parametrize("version", ["", "0.2", "v0.2.0", "0.2.0.dev1", "0.2.0\n", "--help"])
def test_a_version_that_is_none(root, version):
    """Only MAJOR.MINOR.PATCH, with a pre-release or without."""
    assert problems_of(root, version, today=TODAY) == [
        f"{version!r} is not a version: write it as 0.2.0, or as 0.2.0rc1."
    ]


def test_a_pre_release_is_a_version(root):
    """A release candidate has a section in the changelog, as any other release."""
    replace(root, "pyproject.toml", '"0.2.0"', '"0.2.0rc1"')
    replace(root, "CHANGELOG.md", "## 0.2.0", "## 0.2.0rc1")
    assert problems_of(root, "0.2.0rc1", today=TODAY) == []


CHANGES = {
    "another version": (
        ("pyproject.toml", 'version = "0.2.0"', 'version = "0.1.0"'),
        'pyproject.toml has version = "0.1.0": set it to "0.2.0".',
    ),
    "no address": (
        ("pyproject.toml", "urls =", "keywords = []\n#"),
        "pyproject.toml has no Repository in [project.urls]: add the address of the repository.",
    ),
    "a placeholder": (
        ("SECURITY.md", "Report it.", "gh attestation verify --repo OWNER/small"),
        "SECURITY.md contains OWNER: replace it by the owner of the repository.",
    ),
    "the first release": (
        ("CHANGELOG.md", "- A change.", "No release has been published yet. A change."),
        'CHANGELOG.md says "No release has been published yet": say how to install the release.',
    ),
    "no section": (
        ("CHANGELOG.md", "## 0.2.0 - 2026-01-31", "##"),
        'CHANGELOG.md has no section for 0.2.0: add the heading "## 0.2.0 - 2026-01-31".',
    ),
    "an empty section": (
        ("CHANGELOG.md", "- A change.", ""),
        "The section for 0.2.0 in CHANGELOG.md is empty: describe the changes in it.",
    ),
    "no date": (
        ("CHANGELOG.md", "0.2.0 - 2026-01-31", "0.2.0"),
        'The section for 0.2.0 in CHANGELOG.md has no date: write "## 0.2.0 - 2026-01-31".',
    ),
    "no such date": (
        ("CHANGELOG.md", "2026-01-31", "2026-01-32"),
        'The section for 0.2.0 in CHANGELOG.md has no date: write "## 0.2.0 - 2026-01-31".',
    ),
    "a future date": (
        ("CHANGELOG.md", "2026-01-31", "2026-02-01"),
        'The section for 0.2.0 in CHANGELOG.md has a future date: write "## 0.2.0 - 2026-01-31".',
    ),
    "a newer section": (
        ("CHANGELOG.md", "## 0.2.0", "## 0.3.0 - 2026-01-30\n\n- New.\n\n## 0.2.0"),
        "CHANGELOG.md has 0.3.0 above 0.2.0: move 0.2.0 to the top.",
    ),
    "unreleased changes": (
        ("CHANGELOG.md", "Unreleased\n\n### Added", "Unreleased\n\n### Added\n\n- More."),
        'CHANGELOG.md has lines under "Unreleased": move them to the section for 0.2.0.',
    ),
}


@pytest.mark.parametrize(("change", "problem"), CHANGES.values(), ids=CHANGES)
def test_a_change_that_stops_a_release(root, change, problem):
    """Each message names the file and the fix."""
    replace(root, *change)
    assert problems_of(root, "0.2.0", today=TODAY) == [problem]


def test_all_files_say_whether_there_is_a_release():
    """A reworded sentence would no longer stop the first release."""
    root = Path(__file__).parents[2]
    said = {phrase in (root / name).read_text("utf-8") for name, phrase in NOT_YET.items()}
    assert len(said) == 1


def test_files_that_are_not_committed(root):
    """Changed and new files alike, each by its name."""
    (root / "small.py").write_text("x = 1\n")
    (root / "new.py").write_text("")
    assert problems_of(root, "0.2.0", today=TODAY) == [
        "These files are not committed: commit or remove them.\n M small.py\n?? new.py"
    ]


def test_a_tag_that_exists(root):
    """A version is released once."""
    repository.git(root, "tag", "v0.2.0")
    assert problems_of(root, "0.2.0", today=TODAY) == [
        "The tag v0.2.0 exists already: choose another version."
    ]


def test_the_workflow_releases_the_commit_of_the_tag(root):
    """With `tagged` the tag must exist, and on no other commit."""
    missing = ["The tag v0.2.0 is not on this commit: run git checkout v0.2.0."]
    assert problems_of(root, "0.2.0", today=TODAY, tagged=True) == missing
    repository.git(root, "tag", "v0.2.0")
    assert problems_of(root, "0.2.0", today=TODAY, tagged=True) == []
    repository.commit(root)
    assert problems_of(root, "0.2.0", today=TODAY, tagged=True) == missing


def test_all_problems_are_printed_at_once(root, monkeypatch, capsys):
    """The command fails if there is one, and prints each in its line."""
    monkeypatch.chdir(root)
    assert main(["0.2.0"]) == 0
    assert capsys.readouterr().out == ""

    assert main(["0.3.0"]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first == '- pyproject.toml has version = "0.2.0": set it to "0.3.0".'
    assert second.startswith("- CHANGELOG.md has no section for 0.3.0: add the heading")
