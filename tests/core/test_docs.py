"""The documents tell the truth."""

import doctest
import inspect
import re
from pathlib import Path

import pytest

from tokenward import Refusal, TokenError, errors

ROOT = Path(__file__).parents[2]


def test_the_readme_runs():
    """The success and the refusals of the first screen are as shown."""
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted > 5
    assert results.failed == 0


def rows() -> dict[str, list[str]]:
    """Give the rows of the table in errors.md by their code."""
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    cells = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    return {row[0]: row for row in cells if len(row) == 5 and re.fullmatch("[a-z_]+", row[0])}


KINDS = [
    kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, TokenError) and not name.startswith("_")
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_documented_as_it_is(kind):
    """Code, class, status and challenge of the table are those of the code."""
    error = kind("x") if kind.__name__ in {"MissingClaimError", "InvalidClaimError"} else kind()
    refusal = Refusal.from_error(error)
    _, name, status, oauth_error, _ = rows()[kind.code]
    assert (name, status) == (kind.__name__, str(refusal.status))
    said = re.search(' error="([a-z_]+)"', refusal.headers.get("WWW-Authenticate", ""))
    assert (said.group(1) if said else "") == oauth_error


def test_no_error_is_documented_that_is_not_there():
    """Each row of the table has its class."""
    assert set(rows()) - {"code"} == {kind.code for kind in KINDS}
