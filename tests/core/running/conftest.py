"""The event loop of these tests."""

from collections.abc import Callable

from tests.travelling import TravellingLoop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], TravellingLoop]]:
    """Run the tests of this folder on a loop whose time they can move on."""
    return {"travelling": TravellingLoop}
