"""Every Python block of every page is valid, and has the imports that it needs."""

import ast
import builtins
import re
from importlib.util import find_spec
from itertools import chain

import pytest

from tests.docs.pages import PAGES, ROOT, blocks_of, compiled


def name_of(path):
    """Return the path of a page in the repository, as the id of its test."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_program_compiles(path):
    """Each Python block of each page is valid Python."""
    for block in blocks_of(path):
        compiled(block)


def added_imports(path):
    """Return the imports in the changes of a page about migrating, those that stay and new ones."""
    text = path.read_text(encoding="utf-8")
    changes = re.findall(r"^```diff\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(change for change in changes).splitlines()
    after = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    return re.findall(r"^from [\w.]+ import (?:\(.*?\)|[^(\n]+)$", after, re.MULTILINE | re.DOTALL)


def own_and_missing_names(path):
    """Return the names that programs of a page import from packages, and those that they lack."""
    imported, bound, used = set(), set(dir(builtins)), set()
    programs = [*blocks_of(path), *added_imports(path)]
    for node in chain.from_iterable(ast.walk(ast.parse(program)) for program in programs):
        match node:
            case ast.ImportFrom(module=str(module)) if find_spec(module.partition(".")[0]):
                imported |= {each.asname or each.name for each in node.names}
            case ast.Import():
                imported |= {each.asname or each.name for each in node.names}
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                bound.add(name)
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                bound.add(node.name)
    return imported, used - bound - imported


IMPORTABLE = {name for path in PAGES for name in own_and_missing_names(path)[0]}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_page_imports_what_its_programs_use(path):
    """A reader finds each import on the page: no program uses a name that only another page imports."""
    assert own_and_missing_names(path)[1] & IMPORTABLE == set()


TESTS = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", [path for path in PAGES if blocks_of(path)], ids=name_of)
def test_a_test_names_every_page_with_programs(path):
    """A page that no test names has programs that no test runs."""
    names = f'{path.name}"', f'"{path.stem.removeprefix("migrating-")}"'
    assert any(name in TESTS for name in names)
