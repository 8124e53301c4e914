"""Read docs/architecture.md, and record which functions of Tokenward a call passes through."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
TEXT = PAGE.read_text(encoding="utf-8")

Function = tuple[Path, str]
"""A file, and the name of a function or class in it: `name`, `Class.method`."""


def section(heading: str) -> str:
    """Return the part of the page under a heading, including its subsections."""
    marks, _, _ = heading.partition(" ")
    (found,) = re.findall(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(marks)}}} |\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
    return found


def functions_in(text: str) -> list[Function]:
    """Return the functions in the tables of a part of the page, from the first row to the last."""
    rows = re.findall(r"^\|.*\| \[[^]]+\]\(([^)]+)\) \| `([\w.]+)` \|", text, re.MULTILINE)
    return [((PAGE.parent / path).resolve(), name) for path, name in rows]


@contextmanager
def recorded_calls() -> Iterator[list[Function]]:
    """Record the functions of Tokenward that are called in this thread, in order."""
    calls: list[Function] = []

    def record(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and f"{ROOT}/" in code.co_filename:
            calls.append((Path(code.co_filename), code.co_qualname))

    before = sys.getprofile()
    sys.setprofile(record)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def missing_calls(expected: list[Function], calls: list[Function]) -> list[Function]:
    """Return the functions that were not called, or not after the one before them."""
    missing, rest = [], iter(calls)
    for path, name in expected:
        if not any(path == file and f".{qual}".endswith(f".{name}") for file, qual in rest):
            missing.append((path, name))
            rest = iter(calls)
    return missing
