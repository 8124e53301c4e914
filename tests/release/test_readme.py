"""The README in the metadata of a distribution, as an index shows it."""

import re
import shutil
from pathlib import Path

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
URLS = '[project.urls]\nRepository = "https://github.com/owner/tokenward"\n\n[project.scripts]'


@pytest.fixture
def project(tmp_path):
    """Return a copy of what the metadata is made of."""
    for name in ("pyproject.toml", "README.md", "LICENSE", "release/readme.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def readme_of(root):
    """Return the README of the metadata that hatchling makes."""
    return ProjectMetadata(str(root), PluginManager()).core.readme


def test_without_a_repository_the_readme_is_the_file(project):
    """The owner adds the address before the first release."""
    assert readme_of(project) == README


def test_links_lead_to_the_tag_in_the_repository(project):
    """Each link to a file, and each badge; the links to other sites stay."""
    pyproject = project / "pyproject.toml"
    text = pyproject.read_text("utf-8").replace("[project.scripts]", URLS)
    pyproject.write_text(re.sub(r'(?m)^version = ".+"$', 'version = "0.2.0"', text), "utf-8")
    before, after = (re.findall(r"\]\((.+?)\)", each) for each in (README, readme_of(project)))
    whole = dict(zip(before, after, strict=True))
    repository = "https://github.com/owner/tokenward"
    assert whole["docs/start.md"] == f"{repository}/blob/v0.2.0/docs/start.md"
    badge = "/actions/workflows/tests.yml/badge.svg"
    assert whole[f"../..{badge}"] == f"{repository}{badge}"
    for link, target in whole.items():
        assert target.startswith("https://")
        assert target == link or target.startswith(repository)
