"""Make races likely."""

import sys

import pytest


@pytest.fixture(autouse=True)
def fast_switching_threads():
    """Make threads switch as often as possible, where they do not run in parallel."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
