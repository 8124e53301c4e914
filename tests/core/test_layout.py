"""The layout: imports run downwards only, the core knows no framework, adapters know no crypto."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "tokenward"
ADAPTERS = sorted((ROOT / "adapters").iterdir())
# From the ground up: a room imports rooms that stand before it, and none that stand after.
ROOMS = [
    "errors",
    "_codec",
    "_arguments",
    "_algorithms",
    "_material",
    "_keychecks",
    "_keykinds",
    "keys",
    "keysources",
    "_keyindex",
    "keyring",
    "_keyfiles",
    "_manifest",
    "keydir",
    "_jwk_set",
    "_fetching",
    "jwks",
    "_memory",
    "_jws",
    "_model_schema",
    "claims",
    "_wiring",
    "policy",
    "revocation",
    "_identities",
    "stores",
    "hooks",
    "_outages",
    "_retention",
    "_denial",
    "_token_names",
    "_reading",
    "_validation",
    "_grants",
    "_issuing",
    "_sealing",
    "_rotation",
    "engine",
    "issuers",
    "_fields",
    "http",
    "publishing",
    "carriers",
    "csrf",
    "cookies",
    "_watch",
    "authenticator",
    "testing",
    "__init__",
    "_durations",
    "_environment",
    "_jwks_file",
    "_openings",
    "_setting_types",
    "settings",
    "cli",
]
FRAMEWORKS = {"fastapi", "starlette", "litestar", "quart", "flask", "werkzeug", "django"}
# The drop-in's table of statuses: they are the surface of the library that it replaces.
STATUSES_OF_THE_REFERENCE = Path("tokenward_fastapi", "authjwt", "exceptions.py")
BARRED_FROM_ADAPTERS = {"jwt", "cryptography", "joserfc", "time", "hmac", "hashlib", "base64"}


def imports_of(path: Path) -> set[str]:
    """Give every module that a file imports, in full."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module or "")
    return found


def room_of(path: Path) -> str:
    """Give the room of a file of the core."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=str)
def test_imports_run_downwards(path):
    """No room imports one that stands above it, so there are no circles."""
    own = ROOMS.index(room_of(path))
    for module in imports_of(path):
        top, _, rest = module.partition(".")
        if top == "tokenward":
            room = rest.partition(".")[0] or "__init__"
            assert room == room_of(path) or ROOMS.index(room) < own, module


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=str)
def test_the_core_imports_no_framework(path):
    """Nor anything beyond PyJWT, cryptography, Pydantic and the standard library."""
    tops = {module.partition(".")[0] for module in imports_of(path)}
    assert not tops & FRAMEWORKS


def files_of_adapters() -> list[Path]:
    """Give the files of all adapters."""
    return [path for adapter in ADAPTERS for path in sorted(adapter.rglob("*.py"))]


@pytest.mark.parametrize("path", files_of_adapters(), ids=str)
def test_an_adapter_imports_public_names_alone(path):
    """From `tokenward` itself, from its own rooms, and never from another adapter."""
    own = path.relative_to(ROOT / "adapters").parts[0]
    for module in imports_of(path):
        top = module.partition(".")[0]
        assert top not in BARRED_FROM_ADAPTERS
        assert not top.startswith("tokenward") or top == own or module == "tokenward"


@pytest.mark.parametrize("path", files_of_adapters(), ids=str)
def test_an_adapter_branches_on_no_claim_and_has_no_status_table(path):
    """What a token means, and which status an error has, is decided in the core."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {"sub", "exp", "iat", "nbf", "aud", "iss", "jti", "sid", "auth_time", "csrf", "extra"}
    assert not attributes & names
    numbers = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    if path.relative_to(ROOT / "adapters") != STATUSES_OF_THE_REFERENCE:
        assert not numbers & {400, 401, 403, 422, 500, 503, 1008, 1013}
    texts = {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert not [text for text in texts if "httponly" in text.lower() or "SameSite" in text]


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=str)
def test_only_what_takes_a_clock_knows_one(path):
    """Rule 11: the time comes from a clock that is given, `time.time` by default, and none sleeps."""
    modules = imports_of(path)
    assert ("time" in modules) == (path.name in {"engine.py", "publishing.py"})
    calls = {
        (ast.unparse(node.func.value), node.func.attr)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not {name for _, name in calls} & {"utcnow", "today", "monotonic"}
    # A command has no engine to ask; it reads the time in one place as well.
    assert (("datetime", "now") in calls) == (path == CORE / "cli" / "_clock.py")
