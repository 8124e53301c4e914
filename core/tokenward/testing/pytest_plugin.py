"""Fixtures for pytest; off by default.

In the ``conftest.py`` at the root of the tests, or with ``-p`` on the command line::

    pytest_plugins = ["tokenward.testing.pytest_plugin"]
"""

from typing import Any, Protocol

import pytest

from tokenward.engine.token_engine import TokenEngine
from tokenward.testing.clock import FrozenClock
from tokenward.testing.event_loop import run_coroutine

__all__ = ["TokenFactory", "frozen_clock", "token_engine", "token_factory"]


class TokenFactory(Protocol):
    """What the fixture `token_factory` returns."""

    def __call__(self, subject: str, /, **options: Any) -> str:  # noqa: ANN401 - those of `issue`
        """Issue a token.

        Args:
            subject: the user; becomes ``sub``.
            options: the arguments of `TokenEngine.issue`.

        Raises:
            RuntimeError: the test is asynchronous: write ``await token_engine.issue(...)``.
        """
        ...


@pytest.fixture
def frozen_clock() -> FrozenClock:
    """Return a frozen clock. Build your engine with it: ``clock=frozen_clock``."""
    return FrozenClock()


@pytest.fixture
def token_engine() -> TokenEngine[Any]:
    """Return the engine of your app: define this fixture in your ``conftest.py``.

    Raises:
        UsageError: it is not defined.
    """
    msg = "token_factory needs your engine: define a fixture token_engine that returns it."
    raise pytest.UsageError(msg)


@pytest.fixture
def token_factory(token_engine: TokenEngine[Any]) -> TokenFactory:
    """Return a function that issues tokens of the fixture `token_engine` in tests without a loop."""

    def issue_token(subject: str, /, **options: Any) -> str:  # noqa: ANN401 - those of `issue`
        return run_coroutine(
            lambda: token_engine.issue(subject, **options), "await token_engine.issue(...)"
        )

    return issue_token
