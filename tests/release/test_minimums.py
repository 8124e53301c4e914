"""The supported versions: pyproject.toml, the workflow, the nox sessions and the page agree."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGE = (ROOT / "docs" / "supported-versions.md").read_text(encoding="utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
NOXFILE = (ROOT / "noxfile.py").read_text(encoding="utf-8")


def minimums(requirements: list[str]) -> dict[str, str]:
    """Return the minimum of each requirement; one without a minimum fails."""
    found = {}
    for requirement in requirements:
        name, minimum = re.fullmatch(
            r"([\w-]+)(?:\[\w+\])?>=([\d.]+)(?:,!=[\d.]+)*", requirement
        ).groups()
        found[name] = minimum
    return found


def required() -> dict[str, dict[str, str]]:
    """Return the minimums of the core and of each extra, without the extras of this project."""
    extras = {
        extra: [each for each in named if not each.startswith(f"{PROJECT['name']}[")]
        for extra, named in PROJECT["optional-dependencies"].items()
    }
    all_of_them = {"": PROJECT["dependencies"], **extras}
    return {extra: minimums(named) for extra, named in all_of_them.items() if named}


def documented() -> dict[str, dict[str, str]]:
    """Return the same from the table of the page, in which each row must have a reason."""
    found = {}
    for name, minimum, extra, reason in re.findall(
        r"^\| `([\w-]+)` \| ([\d.]+) \| `?([\w ]+)`? \| (.+) \|$", PAGE, re.MULTILINE
    ):
        assert len(reason) > 20
        found.setdefault("" if extra == "the core" else extra, {})[name] = minimum
    return found


def test_the_page_has_each_minimum():
    """With the number of pyproject.toml, under its extra, and nothing else."""
    assert documented() == required()


def test_the_python_versions_are_the_same_everywhere():
    """In the classifiers, in the matrix of the workflow, and on the page."""
    python = re.findall(r"Python :: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
    assert PROJECT["requires-python"] == f">={python[0]}"
    full = re.findall(r'python: "(3\.\d+)", sessions: tests', WORKFLOW)
    assert full == python
    table = re.findall(r"^\| (3\.\d+) \|", PAGE, re.MULTILINE)
    assert table == python


def test_the_oldest_and_the_newest_python_test_the_minimums_and_the_newest_releases():
    """The oldest Python with the minimums, and the newest with the newest releases."""
    rows = re.findall(r'python: "(3\.\d+)", sessions: (core .*) -k (\w+)', WORKFLOW)
    python = re.findall(r'python: "(3\.\d+)", sessions: tests', WORKFLOW)
    sessions = "core extras adapter"
    assert rows == [(python[0], sessions, "oldest"), (python[-1], sessions, "newest")]


def test_nox_takes_the_minimums_from_pyproject():
    """The file of the sessions contains no release of a dependency."""
    assert re.findall(r"[a-z\]]\s*(?:==|>=|<=|<|~=)\s*\d[\d.]*", NOXFILE) == []
