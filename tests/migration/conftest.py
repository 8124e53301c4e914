"""The secrets of the programs, and their clock."""

import time
from contextlib import ExitStack

import pytest
import time_machine

# Of libraries that run on newer versions of Python than they were written for.
IGNORED = ("ignore:datetime.datetime.utcnow:DeprecationWarning",)


def pytest_collection_modifyitems(items):
    """Ignore the warnings of the old libraries."""
    for item in items:
        if "tests/migration/" in item.path.as_posix():
            for warning in IGNORED:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(autouse=True)
def _secrets(monkeypatch):
    """Set the secrets that the programs read."""
    for name in ("JWT_SECRET", "JWT_SECRET_KEY", "SECRET"):
        monkeypatch.setenv(name, "the-secret-of-the-old-program-at-least-32-bytes")
    monkeypatch.setenv("TOKENWARD_SECRET", "the-secret-of-the-new-program-at-least-32-bytes")


@pytest.fixture
def travel():
    """Return a function that moves the time of the whole process."""
    with ExitStack() as stack:
        yield lambda seconds: stack.enter_context(time_machine.travel(time.time() + seconds))
