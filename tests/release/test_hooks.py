"""The hooks of pre-commit check what the session lint checks."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_hooks_use_the_releases_of_the_lint_group():
    """Each tool of the group `lint` is in the hooks, with the same exact release, and no other is."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"additional_dependencies: \[(.+)\]", hooks))
    assert used == set(pyproject["dependency-groups"]["lint"])
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", each) for each in used)


def test_the_hooks_compare_the_same_schemas():
    """Each schema of the session `lint` has a hook."""
    session = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    _, _, rest = session.partition("\nSCHEMAS = {")
    named = re.findall(r'^    "([a-z-]+)":', rest[: rest.index("}")], re.MULTILINE)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert named
    assert sorted(named) == sorted(
        re.findall(r"--builtin-schema vendor\.([a-z-]+)$", hooks, re.MULTILINE)
    )
