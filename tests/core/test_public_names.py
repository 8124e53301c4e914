"""What `import tokenward` offers."""

import importlib
import importlib.util
import pkgutil

import pytest

import tokenward

# Packages that need an extra are left out where it is not installed.
EXTRAS = {
    "redis": "redis",
    "sql": "sqlalchemy",
    "settings": "pydantic_settings",
    "cli": "typer",
}
MODULES = [
    importlib.import_module(each.name)
    for each in pkgutil.walk_packages(tokenward.__path__, "tokenward.")
    if all(
        importlib.util.find_spec(package) for word, package in EXTRAS.items() if word in each.name
    )
]


def test_all_is_sorted_and_complete():
    """Every public name of the package is in `__all__`, and the other way round."""
    public = {
        name
        for name, value in vars(tokenward).items()
        if not name.startswith("_")
        and not hasattr(value, "__path__")
        and type(value) is not type(pytest)
    }
    assert set(tokenward.__all__) == public


def test_every_module_says_what_it_offers():
    """Each has a docstring, and an `__all__` whose names exist; of the errors, all are public."""
    assert [module.__name__ for module in MODULES if not module.__doc__] == []
    for module in MODULES:
        if not hasattr(module, "__path__") and module.__name__ != "tokenward.errors":
            assert all(hasattr(module, name) for name in module.__all__), module.__name__
