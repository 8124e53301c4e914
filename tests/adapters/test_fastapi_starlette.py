"""The contract of all adapters, for an adapter of at most 80 lines that is not shipped.

Faulty variants of the adapter show that the contract finds faults. The tests run with FastAPI, which
brings Starlette.
"""

from pathlib import Path

import pytest

from tests.adapters import starlette_adapter
from tests.adapters.faulty_adapters import FAULTS
from tests.adapters.our_contract import OurContract

pytest_plugins = ["pytester"]

SETTINGS = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
addopts = -p no:anyio -p no:cacheprovider
filterwarnings = error
"""
IMPORTS = """
from tests.adapters import faulty_adapters, starlette_adapter
from tests.adapters import starlette_resource, starlette_service
from tokenward.testing import AdapterContract
"""
CLASS = """
class Test{name}(AdapterContract):
    lacks = {lacks}

    def build(self, engine):
        return starlette_service.build(engine, {adapter})

    def build_resource(self, engine, metadata):
        return starlette_resource.build(engine, metadata, {adapter})
"""


class TestStarlette(OurContract):
    """The contract, for Starlette."""

    name = "starlette"


def run(pytester: pytest.Pytester, classes: str, *options: str) -> pytest.RunResult:
    """Run the contract as a project does, in a new directory."""
    pytester.makepyfile(test_it=IMPORTS + classes)
    pytester.makeini(SETTINGS)
    return pytester.runpytest_inprocess(*options)


def starlette(lacks: object, adapter: str = "starlette_adapter.TokenAuth") -> str:
    """Return the class that runs the contract for Starlette."""
    return CLASS.format(name="Starlette", lacks=lacks, adapter=adapter)


def test_the_adapter_is_small() -> None:
    """The adapter has everything that the contract asks for, in at most 80 lines."""
    lines = Path(starlette_adapter.__file__).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 80


def test_the_contract_finds_faults(pytester: pytest.Pytester) -> None:
    """The test that each fault names fails."""
    classes = [
        CLASS.format(name=fault.__name__, lacks={}, adapter=f"faulty_adapters.{fault.__name__}")
        for fault in FAULTS
    ]
    named = [f"test_it.py::Test{fault.__name__}::{fault.found_by}" for fault in FAULTS]
    result = run(pytester, "".join(classes), "-rf", *named)

    found = [line for line in result.outlines if line.startswith("FAILED")]
    assert [line.removeprefix("FAILED ").partition(" - ")[0] for line in found] == named
    assert len(found) >= 20


def test_a_feature_that_is_lacking_is_skipped_and_shown(pytester: pytest.Pytester) -> None:
    """The tests of the feature are skipped with its reason."""
    reason = "the framework speaks no WebSocket"
    sockets = "test_socket or test_cookie_socket or test_a_live_socket or test_repeated_handshakes"
    result = run(pytester, starlette({"websockets": reason}), "-rs", "-k", sockets)

    counts = result.parseoutcomes()
    assert counts.keys() == {"skipped", "deselected"}
    assert counts["skipped"] > 100
    result.stdout.fnmatch_lines([f"SKIPPED*The adapter lacks websockets: {reason}"])


def test_each_feature_has_tests_of_its_own(pytester: pytest.Pytester) -> None:
    """The tests of features that are lacking are skipped, and no others."""
    skipped = [
        "test_login_sets_cookies",
        "test_form[form, wrong]",
        "test_one_verification_in_a_group[/twice]",
        "test_a_stream_ends_at_the_expiry[/events]",
        "test_the_document",
    ]
    # The second sends the whole table, without the requests to groups.
    passed = ["test_token[two tokens]", "test_repeated_requests[forgets]"]
    tests = [f"test_it.py::TestStarlette::{name}" for name in (*skipped, *passed)]
    lacks = dict.fromkeys(["cookies", "forms", "groups", "streams", "resource"], "it has none")
    result = run(pytester, starlette(lacks), *tests)

    result.assert_outcomes(passed=2, skipped=len(skipped))


def test_a_request_of_the_table_is_named(pytester: pytest.Pytester) -> None:
    """When the whole table is sent in one test, the failure names the request."""
    test = "test_it.py::TestStarlette::test_repeated_requests[remembers]"
    result = run(pytester, starlette({}, "faulty_adapters.SwallowsChallenge"), test)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E  *The request: no header"])
