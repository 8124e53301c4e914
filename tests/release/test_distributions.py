"""Builds are reproducible, and the wheel has four packages and nothing else."""

import zipfile

import pytest

from release.distributions import PACKAGES, NotReproducibleError, build_twice, problems_of_wheel
from tests.release import repository

HOOK = """
import os, pathlib
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        pathlib.Path(self.root, "small.py").write_text(f"place = {os.environ.get('TZ')!r}")
"""


def test_two_builds_give_the_same_bytes(tmp_path):
    """The folder, the times and modes of files, and the environment change nothing."""
    root = repository.create(tmp_path)
    (root / "small.py").chmod(0o755)
    target = root / "dist"
    target.mkdir()
    (target / "small-0.1.0.tar.gz").write_text("of an earlier build")
    built = build_twice(root, target)
    assert [each.name for each in built] == ["small-0.2.0-py3-none-any.whl", "small-0.2.0.tar.gz"]
    assert sorted(target.iterdir()) == built


def test_builds_that_differ_are_refused(tmp_path):
    """A build hook that reads the environment makes each build different."""
    (tmp_path / "hatch_build.py").write_text(HOOK)
    root = repository.create(tmp_path)
    pyproject = root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + "[tool.hatch.build.hooks.custom]\n")
    with pytest.raises(NotReproducibleError, match=r"Two builds of .+ differ"):
        build_twice(root, root / "dist")


MODULES = [f"{package}/{name}" for package in PACKAGES for name in ("__init__.py", "py.typed")]
METADATA = [f"small-0.2.0.dist-info/{name}" for name in ("METADATA", "RECORD", "licenses/LICENSE")]


def wheel_of(tmp_path, names):
    """Write a wheel with empty files."""
    path = tmp_path / "small-0.2.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


def test_a_whole_wheel_has_no_problem(tmp_path):
    """Modules, py.typed, the licence and the metadata are expected."""
    names = [*MODULES, "tokenward/jose/key.py", *METADATA]
    assert problems_of_wheel(wheel_of(tmp_path, names)) == []


@pytest.mark.parametrize("name", MODULES)
def test_a_package_without_its_files(tmp_path, name):
    """Each package has code and its marker for type checkers."""
    names = [each for each in MODULES + METADATA if each != name]
    assert problems_of_wheel(wheel_of(tmp_path, names)) == [
        f"The wheel has no {name}: see [tool.hatch.build.targets.wheel]."
    ]


def test_a_wheel_without_licence(tmp_path):
    """The licence must be copied with the code."""
    assert problems_of_wheel(wheel_of(tmp_path, [*MODULES, *METADATA[:2]])) == [
        "The wheel has no licence: see license-files in pyproject.toml."
    ]


@pytest.mark.parametrize(
    "name",
    [
        "tests/core/test_engine.py",
        "tokenward/tests/test_engine.py",
        "tokenward/secret.pem",
        "examples.py",
        "small-0.2.0.dist-info/secret.pem",
        "small-0.2.0.data/scripts/run.py",
    ],
)
def test_a_file_that_nobody_wants(tmp_path, name):
    """No tests, no data, no other top-level names."""
    assert problems_of_wheel(wheel_of(tmp_path, [*MODULES, *METADATA, name])) == [
        f"The wheel has {name}: exclude it in [tool.hatch.build.targets.wheel]."
    ]
