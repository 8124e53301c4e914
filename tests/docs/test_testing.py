"""The files of the pages about testing, written into a directory and run by pytest."""

import os
import re
import subprocess
import sys
from typing import get_args

import pytest

from tests.docs.pages import ROOT, blocks_of
from tokenward.testing import AdapterContract
from tokenward.testing.adapters.fixtures import Feature

OWN = ROOT / "docs" / "testing-stores-and-adapters.md"
FILES = {
    re.match(r"# (\w+\.py)\n", block).group(1): block
    for page in (ROOT / "docs" / "testing.md", OWN)
    for block in blocks_of(page)
}
TESTS = {name: text.count("def test_") for name, text in FILES.items() if "test_" in name}
CONTRACTS = {"test_adapter.py", "test_store.py"}
# The page names this module, which builds the service of the contract.
MY_SERVICE = "from tests.adapters.starlette_service import build as build_service\n\n__all__ = ['build_service']\n"


def run_pytest(directory, *arguments):
    """Run pytest in a directory, as a project with pytest-asyncio does; return what it prints."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:anyio"]
    mode = ["asyncio_mode=auto", "asyncio_default_fixture_loop_scope=function"]
    options = ["-o", mode[0], "-o", mode[1], "-W", "error", *arguments]
    return subprocess.run(  # noqa: S603 - our own document
        [*command, *options],
        cwd=directory,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    ).stdout


@pytest.fixture
def project(tmp_path):
    """Write the files of the page into a directory."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "my_service.py").write_text(MY_SERVICE, encoding="utf-8")
    return tmp_path


def test_every_test_of_the_page_passes(project):
    """Each file is collected, and each of its tests passes."""
    said = run_pytest(project, "-vv")

    passed = re.findall(r"^(\w+\.py)::.* PASSED", said, re.MULTILINE)
    assert "failed" not in said, said
    assert {name: passed.count(name) for name in TESTS if name not in CONTRACTS} == {
        name: count for name, count in TESTS.items() if name not in CONTRACTS
    }, said
    assert all(passed.count(name) > 15 for name in CONTRACTS)


def test_the_page_names_tests_and_features_that_exist():
    """Each test of the contract's table exists, and every feature is explained."""
    section = OWN.read_text(encoding="utf-8").partition("## Test an adapter")[2]
    names = re.findall(r"`(test_\w+)`", section)
    assert len(names) > 10
    assert [name for name in names if not hasattr(AdapterContract, name)] == []
    features = re.findall(r"^\| `(\w+)` \|", section.partition("| tests |")[0], re.MULTILINE)
    assert sorted(features) == sorted(get_args(Feature))


def test_the_plugin_is_off_unless_asked_for(project):
    """Without its line in conftest.py, none of its fixtures exists."""
    conftest = project / "conftest.py"
    conftest.write_text(
        "\n".join(line for line in FILES["conftest.py"].splitlines() if "plugin" not in line)
    )

    assert "fixture 'frozen_clock' not found" in run_pytest(project, "test_refusals.py")


def test_token_factory_names_the_fixture_that_is_missing(project):
    """The factory needs the engine of the application."""
    (project / "conftest.py").write_text('pytest_plugins = ["tokenward.testing.pytest_plugin"]\n')
    (project / "test_missing.py").write_text("def test_it(token_factory):\n    pass\n")

    said = run_pytest(project, "test_missing.py")

    assert "define a fixture token_engine that returns it" in said
