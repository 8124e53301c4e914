"""What `import tokenward` offers."""

import ast
import importlib
import importlib.util
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import tokenward

# Packages that need an extra are left out where it is not installed.
EXTRAS = {
    "redis": "redis",
    "sql": "sqlalchemy",
    "settings": "pydantic_settings",
    "cli": "typer",
    "service_auth": "httpx",
    "testing.adapters": "httpx",
    "telemetry": "opentelemetry",
}
MODULES = [
    importlib.import_module(each.name)
    for each in pkgutil.walk_packages(tokenward.__path__, "tokenward.")
    if all(
        importlib.util.find_spec(package) for word, package in EXTRAS.items() if word in each.name
    )
]


LATE = [module for module in (tokenward, *MODULES) if hasattr(module, "_LATE")]
# Not one of them is needed to issue and to decode a token.
NOT_YET_IMPORTED = """
import sys
from tokenward import Claims, KeyRing, TokenEngine, TokenPolicy
late = ["asyncio", "tokenward.claims.payload", "tokenward.http", "tokenward.engine.issuers", "tokenward.keys.jwk_set", "tokenward.stores.memory"]
print([name for name in late if name in sys.modules])
"""


def test_all_is_sorted_and_complete():
    """Every public name of the package is in `__all__`, and the other way round."""
    imported = {
        name
        for name, value in vars(tokenward).items()
        if not name.startswith("_")
        and name not in {"import_module", "TYPE_CHECKING"}
        and not hasattr(value, "__path__")
        and type(value) is not type(pytest)
    }
    assert set(tokenward.__all__) == imported | set(tokenward._LATE)


def test_some_packages_import_names_when_they_are_used():
    """The top of the package, and those of its packages that have more than an engine needs."""
    names = {module.__name__ for module in LATE}
    assert names == {
        "tokenward",
        "tokenward.claims",
        "tokenward.engine",
        "tokenward.keys",
        "tokenward.stores",
        "tokenward.tokens",
    }


@pytest.mark.parametrize("module", LATE, ids=lambda module: module.__name__)
def test_type_checkers_see_the_names_that_are_imported_when_they_are_used(module):
    """The table of late names is what the block for type checkers imports, and each is public."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == module._LATE
    assert set(seen) <= set(module.__all__)
    for name, home in seen.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("module", LATE, ids=lambda module: module.__name__)
def test_an_unknown_name_is_an_attribute_error(module):
    """It names the module and the name, as Python does."""
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'Nope'"):
        module.Nope  # noqa: B018 - the access is tested


def test_an_engine_is_imported_without_what_it_may_not_need():
    """Neither asyncio nor HTTP, nor the keys of other issuers, nor a store that the program does not use."""
    command = [sys.executable, "-c", NOT_YET_IMPORTED]
    found = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    assert found.stdout.strip() == "[]"


def test_every_module_says_what_it_offers():
    """Each has a docstring, and an `__all__` whose names exist; of the errors, all are public."""
    assert [module.__name__ for module in MODULES if not module.__doc__] == []
    for module in MODULES:
        if not hasattr(module, "__path__") and module.__name__ != "tokenward.errors":
            assert all(hasattr(module, name) for name in module.__all__), module.__name__
