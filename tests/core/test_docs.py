"""The documents describe the code as it is."""

import ast
import doctest
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

from tokenward import TokenError, errors
from tokenward.http import Refusal

ROOT = Path(__file__).parents[2]


def test_the_readme_runs():
    """The README shows the success and the refusals as they happen."""
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted > 5
    assert results.failed == 0


def rows() -> dict[str, list[str]]:
    """Return the rows of the table in errors.md by their code."""
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
    """Each row of the table has the code, class, status and challenge of its error."""
    error = kind("x") if kind.__name__ in {"MissingClaimError", "InvalidClaimError"} else kind()
    refusal = Refusal.from_error(error)
    _, name, status, oauth_error, _ = rows()[kind.code]
    assert (name, status) == (kind.__name__, str(refusal.status))
    said = re.search(' error="([a-z_]+)"', refusal.headers.get("WWW-Authenticate", ""))
    assert (said.group(1) if said else "") == oauth_error


def test_no_unknown_error_is_documented():
    """Each row of the table belongs to a class in `tokenward.errors`."""
    assert set(rows()) - {"code"} == {kind.code for kind in KINDS}


SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED_TESTS = sorted(set(re.findall(r"`([\w/.]+\.py(?:::\w+)*)`", SECURITY)))


@cache
def names_in(file: str) -> list[str]:
    """Return the classes and functions of a file, and those of its classes as ``Class::name``."""
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    names = []
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, kinds):
            inner = node.body if isinstance(node, ast.ClassDef) else []
            names += [
                node.name,
                *(f"{node.name}::{each.name}" for each in inner if isinstance(each, kinds)),
            ]
    return names


def test_every_test_that_the_security_page_names_exists():
    """The file, the class, if the name has one, and the function exist, each once."""
    parts = [name.partition("::") for name in NAMED_TESTS]
    assert [part for part in parts if not part[2] and not (ROOT / part[0]).exists()] == []
    assert [part for part in parts if part[2] and names_in(part[0]).count(part[2]) != 1] == []


def test_the_security_page_names_tests_with_their_file():
    """A name without its file would not be checked."""
    assert re.findall(r"(?<![/:\w])test_\w+", SECURITY) == []


def promises() -> dict[str, str]:
    """Return the rules and the other promises of the security page by their first line."""
    text = SECURITY.partition("## The rules of the engine")[2].partition("## Not checked")[0]
    found = re.split(r"^(?=(?:\d+\.|-) )", text, flags=re.MULTILINE)[1:]
    return {each.partition("\n")[0]: each for each in found}


def test_every_promise_of_the_security_page_names_a_test():
    """Each item of the page has at least one test below its text."""
    assert promises()
    for promise, text in promises().items():
        assert re.search(r"^ +- `[\w/.]+\.py::[\w:]+`", text, re.MULTILINE), promise


def test_every_rule_is_on_the_security_page():
    """The rules are numbered from 1 to 18, each once and in order."""
    numbers = re.findall(r"^(\d+)\. ", SECURITY, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 19)]


DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def code_blocks(page: str) -> list[str]:
    """Return the Python programs and changes of a page, without comments and doctest marks."""
    blocks = re.findall(r"^```(?:python|diff).*?\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [re.sub(r"^(?:>>>|\.\.\.|\+) ?|#.*", "", each, flags=re.MULTILINE) for each in blocks]


def imported_names(page: str) -> list[tuple[str, str]]:
    """Return each module and name that the code blocks of a page import from the core."""
    lines = re.findall(
        r"^ ?from (tokenward(?:\.[\w.]+)?) import (\([^)]*\)|.*)",
        "\n".join(code_blocks(page)),
        re.MULTILINE,
    )
    return [(module, name) for module, names in lines for name in re.findall(r"\w+", names)]


def exported_names(module: str) -> list[str]:
    """Return `__all__` of a module of the core, else its classes and functions.

    The module is not imported, which may need an extra.
    """
    path = ROOT / "core" / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    nodes = ast.parse(file.read_text(encoding="utf-8")).body
    for node in nodes:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return [node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_code_blocks_import_public_names(path):
    """Every name that is imported from a module of the core is in the `__all__` of that module."""
    for module, name in imported_names(path.read_text(encoding="utf-8")):
        assert name in exported_names(module), f"{module}.{name}"


def contents(page: Path) -> list[Path]:
    """Return the pages in the tables of contents of a page."""
    text = page.read_text(encoding="utf-8")
    tables = re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    names = [line for each in tables for line in each.splitlines() if line[:1] not in ("", ":")]
    return [page.parent / f"{name}.md" for name in names]


def test_the_site_shows_every_page():
    """Each page is in the table of contents of the first page, or of a page in that table."""
    first = DOCS / "index.md"
    shown = [first, *contents(first)]
    for page in shown[1:]:
        shown += contents(page)
    assert sorted(shown) == PAGES[1:]


def test_the_page_about_performance_shows_measured_figures():
    """Each figure of its tables is one that the benchmarks have written."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    measured = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|.*\|$", page, re.MULTILINE)
    cells = [cell.strip() for row in rows for cell in row.split("|")]
    figures = [cell for cell in cells if re.fullmatch(r"[\d.,]+", cell)]
    assert len(figures) > 30
    assert {figure for figure in figures if figure not in measured} == set()


DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES[1:], ROOT / "benchmarks" / "README.md"]


def anchors_of(path: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    text = re.sub(
        r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    headings = [
        re.sub(r"[^\w\- ]", "", each) for each in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    ]
    return {heading.lower().replace(" ", "-") for heading in headings}


def dead_links(path: Path) -> list[str]:
    """Return the links of a page to files and headings that do not exist."""
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        # "../../actions" is relative to the page of a README on GitHub.
        is_outside = "://" in link or link.startswith("../../actions/")
        if not is_outside and not (
            target.exists() and (not anchor or anchor in anchors_of(target))
        ):
            dead.append(link)
    return dead


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_between_pages_is_dead(path):
    """Each link to a file of the repository, or to a heading of a page, has its target."""
    assert dead_links(path) == []


def test_a_dead_link_is_found(tmp_path):
    """A missing file, a missing heading, and a heading that is only a comment in a code block."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A `page`, first\n```\n# no heading\n```\n"
        "[1](page.md#a-page-first) [2](#a-page-first) [3](https://example.com/none#none)\n"
        "[4](none.md) [5](page.md#none) [6](#no-heading)\n"
    )
    assert dead_links(page) == ["none.md", "page.md#none", "#no-heading"]


def test_the_readme_is_short():
    """It is under 150 lines."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_each_heading_of_the_changelog_is_there_once():
    """A merge that keeps the lines of both sides must not repeat a part of the changelog."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for version in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        parts = re.split(r"^### ", version, flags=re.MULTILINE)[1:]
        names = [part.partition("\n")[0] for part in parts]
        assert len(set(names)) == len(names)
        for part in parts:
            areas = re.findall(r"^#### (.+)$", part, re.MULTILINE)
            assert len(set(areas)) == len(areas)
