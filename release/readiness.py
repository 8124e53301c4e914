"""Check that the repository is ready to be released: ``python -m release.readiness 0.2.0``."""

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from release.changelog import section_of, sections_of

__all__ = ["NOT_YET", "problems_of"]

NOT_YET = {
    "README.md": "no release on an index yet",
    "docs/start.md": "not on a package index yet",
    "CHANGELOG.md": "No release has been published yet",
}
"""What some files say until the first release."""
_VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")


def problems_of(root: Path, version: str, *, today: date, tagged: bool = False) -> list[str]:
    """Return everything that must be fixed before a release, each with its fix.

    Args:
        root: the checkout.
        version: the version to release, such as ``0.2.0``.
        today: the latest day that the changelog may name.
        tagged: whether the tag was already made; then it must be on the current commit.
    """
    if not _VERSION.fullmatch(version):
        return [f"{version!r} is not a version: write it as 0.2.0, or as 0.2.0rc1."]

    return [
        *_project_problems(root, version),
        *_changelog_problems(_text(root, "CHANGELOG.md"), version, today),
        *_git_problems(root, f"v{version}", tagged=tagged),
    ]


def _text(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


def _project_problems(root: Path, version: str) -> Iterator[str]:
    project = tomllib.loads(_text(root, "pyproject.toml"))["project"]
    if project["version"] != version:
        yield f'pyproject.toml has version = "{project["version"]}": set it to "{version}".'
    if "Repository" not in project.get("urls", {}):
        yield "pyproject.toml has no Repository in [project.urls]: add the address of the repository."
    if "OWNER/" in _text(root, "SECURITY.md"):
        yield "SECURITY.md contains OWNER: replace it by the owner of the repository."
    for name, phrase in NOT_YET.items():
        if (root / name).is_file() and phrase in _text(root, name):
            yield f'{name} says "{phrase}": say how to install the release.'


def _changelog_problems(text: str, version: str, today: date) -> Iterator[str]:
    heading = f"## {version} - {today.isoformat()}"
    section = section_of(text, version)
    if section is None:
        yield f'CHANGELOG.md has no section for {version}: add the heading "{heading}".'
        return

    if not section.lines:
        yield f"The section for {version} in CHANGELOG.md is empty: describe the changes in it."
    try:
        if date.fromisoformat(section.date) > today:
            yield f'The section for {version} in CHANGELOG.md has a future date: write "{heading}".'
    except ValueError:
        yield f'The section for {version} in CHANGELOG.md has no date: write "{heading}".'

    newest = next(each for each in sections_of(text) if each.name != "Unreleased")
    if newest != section:
        yield f"CHANGELOG.md has {newest.name} above {version}: move {version} to the top."
    unreleased = section_of(text, "Unreleased")
    if unreleased and unreleased.lines:
        yield f'CHANGELOG.md has lines under "Unreleased": move them to the section for {version}.'


def _git_problems(root: Path, tag: str, *, tagged: bool) -> Iterator[str]:
    changed = _git(root, "status", "--porcelain")
    if changed:
        yield f"These files are not committed: commit or remove them.\n{changed}"
    if tagged:
        if tag not in _git(root, "tag", "--points-at", "HEAD").split():
            yield f"The tag {tag} is not on this commit: run git checkout {tag}."
    elif _git(root, "tag", "--list", tag):
        yield f"The tag {tag} exists already: choose another version."


def _git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    run = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)  # noqa: S603
    return run.stdout.rstrip()


def main(arguments: list[str] | None = None) -> int:
    """Print what must be fixed; return 0 if that is nothing."""
    parser = argparse.ArgumentParser(prog="nox -s release --", description=__doc__)
    parser.add_argument("version", help="the version to release, such as 0.2.0")
    parser.add_argument("--tagged", action="store_true", help="the tag exists, on this commit")
    options = parser.parse_args(arguments)

    today = datetime.now(UTC).date()
    problems = problems_of(Path.cwd(), options.version, today=today, tagged=options.tagged)
    for problem in problems:
        print(f"- {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
