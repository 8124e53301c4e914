"""Fixtures of every suite, and how many examples Hypothesis tries."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

from tests.support import FrozenClock, engine_with
from tokenward import Claims, TokenEngine

# No deadline and no health check: both measure how busy the machine is.
settings.register_profile(
    "default", max_examples=50, deadline=None, suppress_health_check=list(HealthCheck)
)
# The same examples in each run: a change fails by what it changes.
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("deep", settings.get_profile("default"), max_examples=200)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


# Ten thousand collected tests stay until the end: the garbage collector need not look at them.
gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage again, but none of what the collection of the tests has made."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def clock() -> FrozenClock:
    """Give a clock that stands still."""
    return FrozenClock()


@pytest.fixture
def engine(clock: FrozenClock) -> TokenEngine[Claims]:
    """Give an engine with the default policy, one HS256 secret, a MemoryStore and the clock."""
    return engine_with(clock)
