"""No cache may store a response with tokens (RFC 6749 §5.1): every example forbids it."""

import ast

import pytest

from tests.docs.pages import PAGES, ROOT, blocks_of

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
HEADER = ("no-store", "NO_STORE")


def routes_with_tokens(program):
    """Return the text of each route of a program that returns a pair or the JSON of one."""
    found = []
    for node in ast.walk(ast.parse(program)):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and node.decorator_list:
            parts = [*node.decorator_list, node]
            text = "\n".join(ast.unparse(part) for part in parts)
            returns = "" if node.returns is None else ast.unparse(node.returns)
            if ".json_body()" in text or returns == "TokenPair":
                found.append(text)
    return found


def programs_of(path):
    """Return the programs of a page, or the program of an example."""
    return blocks_of(path) if path.suffix == ".md" else [path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", [*PAGES, *EXAMPLES], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_forbids_caching_its_tokens(path):
    """The header is in the route. Tests of the pages about migrating send requests instead."""
    for program in programs_of(path):
        for route in routes_with_tokens(program):
            assert any(header in route for header in HEADER), route


def test_the_routes_are_found():
    """On the pages, and in the example of each framework."""
    found = [
        route for path in PAGES for block in blocks_of(path) for route in routes_with_tokens(block)
    ]
    assert len(found) >= 8
    for framework in ("fastapi", "litestar", "quart"):
        program = (ROOT / "examples" / f"{framework}_app.py").read_text(encoding="utf-8")
        assert len(routes_with_tokens(program)) == 2
    assert routes_with_tokens("@app.post('/')\ndef log_in() -> TokenPair: ...")
    assert not routes_with_tokens("def open_session() -> TokenPair: ...")
