"""Everything that is run on this project; plain ``nox`` runs lint, types and tests."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.error_on_missing_interpreters = True
nox.options.default_venv_backend = "uv|virtualenv"

PYPROJECT = nox.project.load_toml("pyproject.toml")
# What must work with its oldest and with its newest release: the core's own two, and each framework.
RELEASES = {
    "core": {"oldest": ["pyjwt==2.15.0", "pydantic==2.11.0"], "newest": ["pyjwt", "pydantic"]},
    "fastapi": {"oldest": ["fastapi==0.115.3"], "newest": ["fastapi"]},
    "litestar": {"oldest": ["litestar==2.19.0"], "newest": ["litestar"]},
    "quart": {"oldest": ["quart==0.20.0"], "newest": ["quart"]},
}
FRAMEWORKS = [name for name in RELEASES if name != "core"]
# One worker for each core; who has nothing left takes half of what another has.
PARALLEL = ("-n", "auto", "--dist", "worksteal")
PACKAGES = ["tokenward", *(f"tokenward_{name}" for name in FRAMEWORKS)]


def install(session: nox.Session, *groups: str, extras: str = "all") -> None:
    """Install the project with extras, and the dependency groups of pyproject.toml."""
    wanted = [each for group in groups for each in nox.project.dependency_groups(PYPROJECT, group)]
    session.install("-e", f".[{extras}]" if extras else ".", *wanted)


def run_tests(session: nox.Session, *paths: str, options: Sequence[str] = ()) -> None:
    """Run tests on every core; with arguments on the command line in one process, with those."""
    # Tests start many processes, and each would compile every module again.
    session.env["PYTHONDONTWRITEBYTECODE"] = ""
    session.run("pytest", *paths, *(session.posargs or [*PARALLEL, *options]))


@nox.session
def demo(session: nox.Session) -> None:
    """Serve the examples, or those named, under a real uvicorn and walk through them over HTTP."""
    install(session, "demo")
    session.run("python", "examples/demo.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and spelling; ``nox -s lint -- fix`` fixes what can be fixed automatically."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    fix = "fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types: of the code, of its public face, and of code that uses it."""
    install(session, "types")
    session.run("mypy")
    for package in PACKAGES:
        session.run("basedpyright", "--verifytypes", package, "--ignoreexternal")


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests, and demand full branch coverage of what could be tested here."""
    install(session, "tests")
    run_tests(session, options=["--cov", "--cov-report=", "--cov-fail-under=0"])
    if not session.posargs:
        # Without Redis and PostgreSQL their tests are skipped, and say how to start them.
        has_services = os.environ.get("TOKENWARD_REQUIRE_SERVICES") == "1"
        omitted = [] if has_services else ["--omit=*/stores/*redis*,*/stores/*sql*"]
        session.run("coverage", "report", "--skip-covered", *omitted)


@nox.session
@nox.parametrize("release", ["oldest", "newest"])
def core(session: nox.Session, release: str) -> None:
    """Run the core's tests where no web framework is installed."""
    install(session, "core-tests", extras="")
    session.install("--upgrade", *RELEASES["core"][release])
    for framework in ("starlette", *FRAMEWORKS):
        session.run(
            "python",
            "-c",
            f"import importlib.util as u; raise SystemExit(u.find_spec('{framework}') is not None)",
        )
    run_tests(session, "tests/core", "tests/stores/test_contract.py")


@nox.session
@nox.parametrize("release", ["oldest", "newest"])
@nox.parametrize("framework", FRAMEWORKS)
def adapter(session: nox.Session, framework: str, release: str) -> None:
    """Run an adapter's tests with the oldest or the newest release of its framework."""
    install(session, "adapter-tests", extras=framework)
    session.install("--upgrade", *RELEASES[framework][release])
    session.env["TOKENWARD_TEST_ADAPTER"] = framework
    run_tests(session, "tests/adapters")


@nox.session
def package(session: nox.Session) -> None:
    """Build, install the wheel bare, and import each package from outside the checkout."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "package"))
    dist = Path(session.create_tmp()) / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist))
    (wheel,) = dist.glob("*.whl")
    outside = tempfile.gettempdir()
    # Reinstalled each time: a wheel of the same version may hold other code.
    session.install("--force-reinstall", str(wheel))
    with session.chdir(outside):
        session.run("python", "-Ic", "import tokenward; tokenward.KeyRing.generate()")
    session.install(f"tokenward[{','.join(FRAMEWORKS)}] @ {wheel.absolute().as_uri()}")
    session.install(f"tokenward[cli] @ {wheel.absolute().as_uri()}")
    with session.chdir(outside):
        session.run("tokenward", "--help", silent=True)
        for name in FRAMEWORKS:
            module = f"tokenward_{name}"
            session.run("python", "-Ic", f"import {module}; {module}.TokenAuth")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside other libraries; ``-- --quick`` for a look, ``-- --write`` into docs/performance.md."""
    install(session, "bench")
    kept = session.cache_dir / "bench"
    session.run("python", "-m", "benchmarks.run", "--environments", str(kept), *session.posargs)
