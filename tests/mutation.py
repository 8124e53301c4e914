"""A plugin of pytest for ``nox -s mutate``: selects tests by their ids after they are collected.

mutmut collects and runs tests several times in one process, and passes their ids as arguments. pytest
would not find some of them, and that would count as a detected mutant: it takes "::" in a parameter,
as in an IPv6 address, for a separator, and doubles each backslash of an id when it collects again.

It clears caches before each test: mutmut would otherwise run a function only with the first test that
needs its result, and not at all after it was changed.
"""

import functools
import re
import sys

import pytest

_CACHES = pytest.StashKey[list[functools._lru_cache_wrapper]]()
_POSITIONS = pytest.StashKey[dict[str, int]]()


def pytest_configure(config):
    """Collect whole files, and remember which tests of them are wanted, the fastest first."""
    wanted = [argument for argument in config.args if "::" in argument]
    config.stash[_POSITIONS] = {_plain(each): position for position, each in enumerate(wanted)}
    config.args = list(dict.fromkeys(each.partition("::")[0] for each in config.args))


def pytest_collection_modifyitems(config, items):
    """Keep the wanted tests, in the order of the arguments; find the caches of the code."""
    modules = [module for name, module in sys.modules.items() if name.startswith("tokenward.")]
    config.stash[_CACHES] = [
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, functools._lru_cache_wrapper)
    ]
    positions = config.stash[_POSITIONS]
    if positions:
        items[:] = [item for item in items if _plain(item.nodeid) in positions]
        items.sort(key=lambda item: positions[_plain(item.nodeid)])
        missing = positions.keys() - {_plain(item.nodeid) for item in items}
        if missing:
            msg = f"These tests were not collected: {sorted(missing)}"
            raise pytest.UsageError(msg)


def pytest_runtest_setup(item):
    """Clear the caches of the code."""
    for each in item.config.stash[_CACHES]:
        each.cache_clear()


def _plain(identity):
    return re.sub(r"\\+", r"\\", identity)
