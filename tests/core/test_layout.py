"""The layout: imports run downwards only, the core knows no framework, adapters know no crypto."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "tokenward"
ADAPTERS = sorted((ROOT / "adapters").iterdir())
# From the bottom up: a package imports the packages before it, and none after it.
PACKAGES = [
    "errors",
    "_arguments",
    "jose",
    "keys",
    "claims",
    "policy",
    "stores",
    "hooks",
    "tokens",
    "sessions",
    "engine",
    "http",
    "testing",
    "__init__",
    "settings",
    "cli",
]
MOST_LINES = 300
# Rooms of features that many services do not use: they import them themselves, or do not pay for them.
OPTIONAL = [
    "tokenward.engine.introspection",
    "tokenward.http.dpop",
    "tokenward.http.endpoints",
    "tokenward.http.logout",
    "tokenward.http.mtls",
]
# The settings import a room only if a setting asks for it; a test of the settings checks this.
DOORS = {"tokenward.engine.introspection": CORE / "settings" / "introspection.py"}
FRAMEWORKS = {"fastapi", "starlette", "litestar", "quart", "flask", "werkzeug", "django"}
# The drop-in's table of statuses: they are the surface of the library that it replaces.
STATUSES_OF_THE_REFERENCE = Path("tokenward_fastapi", "authjwt", "exceptions.py")
BARRED_FROM_ADAPTERS = {"jwt", "cryptography", "joserfc", "time", "hmac", "hashlib", "base64"}
CORE_FILES = sorted(CORE.rglob("*.py"))
ADAPTER_FILES = [path for adapter in ADAPTERS for path in sorted(adapter.rglob("*.py"))]


@cache
def tree_of(path: Path) -> ast.Module:
    """Parse a file, once for all tests."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Return the full name of every module that a file imports."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module or "")
    return frozenset(found)


def package_of(path: Path) -> str:
    """Return the package, or the module at the top, to which a file of the core belongs."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    """Name a test by its file."""
    return str(path.relative_to(ROOT))


def test_the_core_fits_one_screen():
    """At most 16 entries, each of them in the list above, and no module that is too long."""
    entries = {path.name.removesuffix(".py") for path in CORE.iterdir()}
    assert entries - {"py.typed", "__pycache__"} == set(PACKAGES)
    assert len(PACKAGES) <= 16
    long = {path for path in CORE_FILES + ADAPTER_FILES if len(lines_of(path)) > MOST_LINES}
    assert {name_of(path) for path in long} == set()


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file."""
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_imports_run_downwards(path):
    """No module imports a package above its own, nor a private module of another package."""
    own = package_of(path)
    for module in imports_of(path):
        top, _, rest = module.partition(".")
        if top == "tokenward":
            package, *inner = rest.split(".") if rest else ["__init__"]
            assert PACKAGES.index(package) <= PACKAGES.index(own), module
            assert package == own or not any(name.startswith("_") for name in inner), module


@pytest.mark.parametrize("room", OPTIONAL)
def test_nothing_imports_an_optional_room(room):
    """A service without the feature does not import it; tests of adapters may."""
    own = ROOT.joinpath("core", *room.split("."))
    outside = {own, CORE / "testing", DOORS.get(room)}
    others = [
        path for path in CORE_FILES + ADAPTER_FILES if outside.isdisjoint({path, *path.parents})
    ]
    users = {
        name_of(path)
        for path in others
        for name in imports_of(path)
        if f"{name}.".startswith(f"{room}.")
    }
    assert users == set()


@pytest.mark.parametrize("path", sorted((CORE / "cli").glob("*.py")), ids=name_of)
def test_the_command_line_uses_public_names_alone(path):
    """Whatever it can do, a program can do with the same names."""
    others = {each for each in imports_of(path) if not each.startswith("tokenward.cli.")}
    assert not {each for each in others if each.startswith("tokenward.") and each.count(".") > 1}


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_the_core_imports_no_framework(path):
    """The core imports PyJWT, cryptography, Pydantic and the standard library, and nothing else."""
    tops = {module.partition(".")[0] for module in imports_of(path)}
    assert not tops & FRAMEWORKS


@pytest.mark.parametrize("path", ADAPTER_FILES, ids=name_of)
def test_an_adapter_imports_public_names_alone(path):
    """From `tokenward` and its packages, from its own modules, and never from another adapter."""
    own = path.relative_to(ROOT / "adapters").parts[0]
    for module in imports_of(path):
        top, _, rest = module.partition(".")
        assert top not in BARRED_FROM_ADAPTERS
        assert not top.startswith("tokenward") or top in {own, "tokenward"}
        if top == "tokenward":
            assert "." not in rest, f"{module}: import from the package"
            assert not rest.startswith("_"), module


@pytest.mark.parametrize("path", ADAPTER_FILES, ids=name_of)
def test_an_adapter_branches_on_no_claim_and_has_no_status_table(path):
    """What a token means, and which status an error has, is decided in the core."""
    nodes = list(ast.walk(tree_of(path)))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names = {"sub", "exp", "iat", "nbf", "aud", "iss", "jti", "sid", "auth_time", "csrf", "extra"}
    assert not attributes & names
    numbers = {node.value for node in nodes if isinstance(node, ast.Constant)}
    if path.relative_to(ROOT / "adapters") != STATUSES_OF_THE_REFERENCE:
        assert not numbers & {400, 401, 403, 422, 500, 503, 1008, 1013}
    texts = {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
    assert not [text for text in texts if "httponly" in text.lower() or "SameSite" in text]


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_one_module_knows_the_time_of_the_system(path):
    """Rule 11: time comes from an injected clock, `system_time` by default.

    Another module knows how long the machine runs, which is no time of day.
    """
    clocks = {CORE / "sessions" / "clock.py", CORE / "stores" / "mirror" / "uptime.py"}
    assert ("time" in imports_of(path)) == (path in clocks)
    calls = {
        (ast.unparse(node.func.value), node.func.attr)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not {name for _, name in calls} & {"utcnow", "today", "monotonic"}
    # A command has no engine to ask; it reads the time in one place as well.
    assert (("datetime", "now") in calls) == (path == CORE / "cli" / "clock.py")
