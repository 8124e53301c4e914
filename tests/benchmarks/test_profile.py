"""The profile of a request is computed from measured times."""

from importlib import import_module
from pathlib import Path

import pytest

import benchmarks
from benchmarks.parts.profile import ROWS, shares_of

FOUND = {
    "bare": 40.0,
    "more": 30.0,
    "empty": 8.0,
    "authenticate": 15.0,
    "decode": 12.0,
    "verify": 3.0,
    "remember": 1.0,
    "read": 4.0,
    "check": 1.5,
    "revoked": 2.0,
}


def test_the_shares_add_up_to_what_authentication_adds() -> None:
    """Each step is counted exactly once."""
    shares = shares_of(FOUND)
    parts = [name for name in ROWS.values() if name not in {"bare", "more"}]
    assert sum(shares[name] for name in parts) == pytest.approx(shares["more"])
    assert (shares["adapter"], shares["find"], shares["rest"]) == (7.0, 3.0, 0.5)


def test_every_measured_step_is_a_method(monkeypatch):
    """A renamed method of the core fails here, not in the middle of a benchmark."""
    monkeypatch.syspath_prepend(Path(benchmarks.__file__).parent / "sides")
    steps = import_module("profile_tokenward").STEPS
    assert steps
    assert all(callable(getattr(owner, name)) for owner, name in steps.values())
