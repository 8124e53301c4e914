"""docs/architecture.md describes the code as it is."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture import (
    TEXT,
    Function,
    functions_in,
    missing_calls,
    recorded_calls,
    section,
)
from tests.core.test_layout import (
    ADAPTER_FILES,
    CORE_FILES,
    PACKAGES,
    imports_of,
    package_of,
    tree_of,
)
from tests.support import engine_with


def names_in(tree: ast.AST, prefix: str = "") -> set[str]:
    """Return the names of the functions, classes and constants of a module, with their class."""
    names = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names |= {f"{prefix}{node.name}", node.name} | names_in(node, f"{node.name}.")
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@pytest.mark.parametrize(
    "function",
    sorted(set(functions_in(TEXT))),
    ids=lambda function: "::".join((*function[0].parts[-2:], function[1])),
)
def test_every_name_on_the_page_exists(function: Function) -> None:
    """Each row of a table names a file, and a function or class in that file."""
    path, name = function
    assert path.exists()
    assert name in names_in(tree_of(path))


def test_ten_questions_lead_to_ten_files() -> None:
    """The last table of the page has ten questions, and no file answers two of them."""
    answers = functions_in(section("## Find the right file"))
    assert len({path for path, _ in answers}) == len(answers) == 10


def test_the_packages_are_listed_in_their_order() -> None:
    """The table has each entry of core/tokenward, in the order in which imports run."""
    rows = re.findall(r"^\| `(\w+)` \| .+ \|$", section("## Layout"), re.MULTILINE)
    assert rows == PACKAGES


def reachable(arrows: set[tuple[str, str]], start: str) -> set[str]:
    """Return all packages to which a path of arrows leads."""
    found: set[str] = set()
    ends = [end for begin, end in arrows if begin == start]
    while ends:
        end = ends.pop()
        if end not in found:
            found.add(end)
            ends += [further for begin, further in arrows if begin == end]
    return found


def arrows_of_the_code() -> set[tuple[str, str]]:
    """Return the imports between packages, without those that a longer path implies."""
    importers = [(package_of(path), path) for path in CORE_FILES]
    importers += [("adapters", path) for path in ADAPTER_FILES]
    arrows = set()
    for importer, path in importers:
        for module in imports_of(path):
            top, _, rest = module.partition(".")
            package = rest.partition(".")[0] or "__init__"
            if top == "tokenward" and package != importer:
                arrows.add((importer, package))
    reduced = {
        (begin, end)
        for begin, end in arrows
        if end not in reachable(arrows - {(begin, end)}, begin)
    }
    names = {"__init__": "tokenward"}
    return {(names.get(begin, begin), names.get(end, end)) for begin, end in reduced}


PICTURE = (Path(__file__).parents[2] / "docs" / "packages.svg").read_text(encoding="utf-8")
ARROWS = re.findall(
    r'data-importer="(\w+)" data-imported="(\w+)" d="M(\d+) (\d+)L(\d+) (\d+)"/>', PICTURE
)


def test_the_picture_shows_the_imports() -> None:
    """The arrows are those of the code, without those that a longer path implies."""
    assert "(packages.svg)" in section("## Layout")
    assert len(ARROWS) == PICTURE.count('class="arrow"')
    assert sorted(arrow[:2] for arrow in ARROWS) == sorted(arrows_of_the_code())


def test_each_arrow_of_the_picture_connects_its_boxes() -> None:
    """It begins on the edge of the importer's box, and ends on that of the imported package."""
    found = re.findall(
        r'data-package="(\w+)" x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', PICTURE
    )
    boxes = {name: [*map(int, numbers)] for name, *numbers in found}

    def is_on_edge(name: str, point: tuple[int, int]) -> bool:
        left, top, width, height = boxes[name]
        right, across = point[0] - left, point[1] - top
        is_inside = 0 <= right <= width and 0 <= across <= height
        return is_inside and (right in {0, width} or across in {0, height})

    for importer, imported, *numbers in ARROWS:
        x1, y1, x2, y2 = map(int, numbers)
        assert is_on_edge(importer, (x1, y1)), (importer, imported)
        assert is_on_edge(imported, (x2, y2)), (importer, imported)


async def test_a_refresh_passes_through_the_functions_on_the_page(clock) -> None:
    """The functions of the table are called, in the order of the table."""
    engine = engine_with(clock)
    pair = await engine.issue_pair("alice")
    with recorded_calls() as calls:
        await engine.refresh(pair.refresh_token)

    expected = functions_in(section("## Follow a refresh"))
    assert len(expected) > 8
    assert missing_calls(expected, calls) == []
