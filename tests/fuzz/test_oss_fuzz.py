"""The project folder for OSS-Fuzz: it has the form that OSS-Fuzz reads, and builds every target."""

import importlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import yaml

from fuzz.corpus import TARGETS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "fuzz" / "oss-fuzz"
BUILD = FOLDER / "build.sh"


def test_project_yaml_has_what_a_python_project_needs():
    """The only engine and the sanitizers that OSS-Fuzz supports for Python, and a contact."""
    project = yaml.safe_load((FOLDER / "project.yaml").read_text("utf-8"))

    assert project.keys() == {
        "homepage",
        "main_repo",
        "language",
        "primary_contact",
        "fuzzing_engines",
        "sanitizers",
        "base_os_version",
    }
    assert project["language"] == "python"
    assert project["fuzzing_engines"] == ["libfuzzer"]
    assert project["sanitizers"] == ["address", "undefined"]
    assert "@" in project["primary_contact"]
    dockerfile = (FOLDER / "Dockerfile").read_text("utf-8")
    assert f"base-builder-python:{project['base_os_version']}\n" in dockerfile
    assert project["main_repo"] in dockerfile


def test_the_build_script_has_no_syntax_error():
    """Bash can read it, and it can be executed."""
    subprocess.run(["bash", "-n", BUILD], check=True)  # noqa: S603, S607 - our own file
    assert os.access(BUILD, os.X_OK)


def test_every_target_is_built(tmp_path):
    """Each has its program, its seeds, the dictionary and the longest input."""
    tools, out, work = (tmp_path / name for name in ("tools", "out", "work"))
    for folder in (tools, out, work):
        folder.mkdir()
    # The programs of the image: they note that they were called.
    for name, script in {
        "compile_python_fuzzer": 'echo "$@" >"$OUT/$(basename -s .py "$1")"',
        "pip3": 'echo "$@" >"$OUT/installed"',
        "python3": f'exec "{sys.executable}" "$@"',
    }.items():
        program = tools / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    subprocess.run(  # noqa: S603 - our own file
        [BUILD],
        check=True,
        cwd=ROOT,
        env={"PATH": f"{tools}:{os.environ['PATH']}", "OUT": str(out), "WORK": str(work)},
    )

    assert (out / "installed").read_text() == "install .[all]\n"
    assert (out / TARGETS[0]).read_text().startswith(f"fuzz/{TARGETS[0]}.py --paths {ROOT} ")
    names = {"", ".dict", ".options", "_seed_corpus.zip"}
    assert {path.name for path in out.iterdir()} == {
        "installed",
        *(target + suffix for target in TARGETS for suffix in names),
    }
    for target in TARGETS:
        with zipfile.ZipFile(out / f"{target}_seed_corpus.zip") as archive:
            contents = {archive.read(name) for name in archive.namelist()}
        assert contents == set(importlib.import_module(f"fuzz.{target}").seeds())
