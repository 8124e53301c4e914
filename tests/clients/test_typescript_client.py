"""Types that openapi-typescript generates: a program compiles strictly, runs, and reads refusals."""

import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from serving import served
from tests.npm import npm_install

PROGRAM = Path(__file__).with_name("shop.ts")
PACKAGES = ("openapi-typescript@7", "openapi-fetch@0.17", "typescript@5", "@types/node@20")
COMPILER = ["--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck"]


def run(directory, *command, **environment):
    """Run a program of Node in a directory and return what it prints."""
    ran = subprocess.run(  # noqa: S603 - fixed arguments
        [shutil.which("node"), *command],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=directory,
        env={**os.environ, **environment},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """Install the packages from npm and return their directory."""
    return npm_install(tmp_path_factory.mktemp("npm"), *PACKAGES)


@pytest.fixture
def program(modules, document_file, tmp_path):
    """Generate the types of one document, compile the program with them, and return its path."""
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    shutil.copy(PROGRAM, tmp_path)
    types = tmp_path / "openapi.ts"
    run(tmp_path, modules / "openapi-typescript/bin/cli.js", document_file, "--output", types)
    run(tmp_path, modules / "typescript/bin/tsc", *COMPILER, tmp_path / PROGRAM.name)
    return tmp_path / "shop.js"


def test_a_program_with_generated_types(app, program, tmp_path):
    """It logs in, reads guarded routes, and reads the codes of two refusals."""
    with served(app) as site:
        trusted = tmp_path / "trusted.pem"
        address = ("127.0.0.1", site.port)
        trusted.write_text(ssl.get_server_certificate(address), encoding="utf-8")
        printed = run(tmp_path, program, SHOP=site.origin, NODE_EXTRA_CA_CERTS=str(trusted))

    assert json.loads(printed) == {
        "foo": ["fiz", "baz"],
        "customer": "test",
        "missing": "token_missing",
        "lacking": "insufficient_scope",
    }
