"""The tables, the chart, and their blocks in the document."""

import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.chart import draw, tick_step
from benchmarks.document import with_blocks
from benchmarks.ratios import outcome
from benchmarks.run import CHART, DOCUMENT, PARTS, block_names
from benchmarks.tables import Bar, Table, comparison, conditions, number, ratio

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
TEXT = "Before.\n<!-- bench: one -->\nold\n<!-- /bench -->\nBetween.\n<!-- bench: two -->\n<!-- /bench -->\n"


def test_a_table_is_markdown_with_its_notes_below() -> None:
    """Every row has as many cells as the heading."""
    table = Table(("what", "µs"), [("decode", "9.2"), ("issue", "8.5")], ["A note."])
    assert table.markdown() == (
        "| what | µs |\n|---|---|\n| decode | 9.2 |\n| issue | 8.5 |\n\nA note."
    )


def test_a_comparison_says_whether_each_target_is_met() -> None:
    """A missed target is in bold; without a target the cell is empty."""
    outcomes = [
        outcome("met", [1.0], [10.0], at_most=0.2),
        outcome("missed", [3.0], [10.0], at_most=0.2),
        outcome("fast enough", [9.0], [10.0], at_least=0.75),
        outcome("free", [1.0], [10.0]),
    ]
    lines = comparison(outcomes, what="what", peer="PyJWT µs").markdown().splitlines()
    assert lines[0] == "| what | Tokenward µs | PyJWT µs | ratio | 10 % to 90 % | target |"
    assert [line.split(" | ")[-1].rstrip(" |") for line in lines[2:]] == [
        "at most 0.2: met",
        "at most 0.2: **missed**",
        "at least 0.75: met",
        "",
    ]


def test_a_comparison_without_targets_has_no_such_column() -> None:
    """A table without targets has no column for them."""
    table = comparison([outcome("free", [1.0], [10.0])], what="what", peer="PyJWT µs")
    assert table.columns[-1] == "10 % to 90 %"


def test_figures_have_about_three_digits() -> None:
    """Figures have about three digits."""
    assert [number(each) for each in (0.526, 12.34, 123.4, 33_998.0)] == [
        "0.53",
        "12.3",
        "123",
        "33,998",
    ]
    assert [ratio(each) for each in (1.234, 0.1, 0.0456, 0.0097)] == [
        "1.23",
        "0.10",
        "0.046",
        "0.0097",
    ]


def test_conditions_name_the_machine_only_by_its_kind() -> None:
    """The conditions contain the versions and the days, but no host and no path."""
    said = conditions({"pyjwt": "2.15.1"}, {"2026-02-01", "2026-01-31"})
    assert said.startswith("Measured on 2026-01-31 and 2026-02-01: ")
    assert said.endswith(", pyjwt 2.15.1.")
    assert " cores, CPython " in said


def test_blocks_are_replaced_by_name_alone() -> None:
    """Text outside the block and other blocks stay unchanged, and replacing twice changes nothing more."""
    written = with_blocks(TEXT, {"one": "| new |"})
    assert written == TEXT.replace("old\n", "\n| new |\n\n")
    assert with_blocks(written, {"one": "| new |"}) == written


def test_a_block_may_hold_what_looks_like_a_pattern() -> None:
    """A backslash in a table is not an escape."""
    assert r"\1 \g<begin>" in with_blocks(TEXT, {"two": r"\1 \g<begin>"})


@pytest.mark.parametrize("text", ["", TEXT + TEXT, TEXT.replace("<!-- /bench -->\nBetween.\n", "")])
def test_a_missing_a_double_and_an_open_block_are_refused(text: str) -> None:
    """A missing block, or two of one name, is an error."""
    with pytest.raises(LookupError, match="'one'"):
        with_blocks(text, {"one": "new"})


def test_the_document_has_a_place_for_every_table_and_for_the_chart() -> None:
    """The document has a block for every table of every part, and of the program for requirements."""
    text = (ROOT / DOCUMENT).read_text()
    names = [*block_names(PARTS), "requirements"]
    assert len(set(names)) == len(names) == text.count("<!-- bench: ")
    with_blocks(text, dict.fromkeys(names, ""))
    assert f"]({Path(os.path.relpath(CHART, DOCUMENT.parent)).as_posix()})" in text


def test_the_chart_is_well_formed_and_has_a_bar_and_a_figure_for_each() -> None:
    """The length of a bar is proportional to its figure, and names are escaped."""
    bars = [
        Bar("FastAPI", "Tokenward", 25.0, is_own=True),
        Bar("FastAPI", "<by hand> & co", 100.0, is_own=False),
        Bar("Quart", "Tokenward", 50.0, is_own=True),
    ]
    text = draw(bars, title="A < B", unit="µs", notes=["On a machine."])
    svg = ET.fromstring(text)  # noqa: S314 - we have written it
    rects = svg.findall(f"{SVG}rect")
    widths = [float(rect.attrib["width"]) for rect in rects]
    words = [each.text for each in svg.findall(f"{SVG}text")]
    assert widths == pytest.approx([widths[1] / 4, widths[1], widths[1] / 2], abs=0.1)
    assert [rect.attrib["class"] for rect in rects] == ["own", "peer", "own"]
    assert {
        "A < B",
        "µs",
        "FastAPI",
        "Quart",
        "<by hand> & co",
        "25.0",
        "100",
        "On a machine.",
    } <= {*words}
    assert "<script" not in text
    assert svg.find(f"{SVG}title") is not None


def test_everything_in_the_chart_is_inside_the_picture() -> None:
    """Every bar and every line of the grid is inside the picture."""
    svg = ET.fromstring(draw([Bar("g", "b", 7.0, is_own=True)], title="t", unit="µs", notes=[]))  # noqa: S314
    width, height = (float(each) for each in svg.attrib["viewBox"].split()[2:])
    for rect in svg.findall(f"{SVG}rect"):
        assert float(rect.attrib["x"]) + float(rect.attrib["width"]) < width
    for line in svg.findall(f"{SVG}line"):
        assert float(line.attrib["x2"]) < width
        assert float(line.attrib["y2"]) < height


@pytest.mark.parametrize(
    ("longest", "step"), [(437.0, 100.0), (100.0, 20.0), (9.9, 2.0), (1.0, 0.2)]
)
def test_ticks_are_round_and_few(longest: float, step: float) -> None:
    """The distance of ticks is one, two or five times a power of ten."""
    assert tick_step(longest) == pytest.approx(step)
