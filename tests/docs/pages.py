"""The pages of the documentation, and how tests run the programs on them."""

import ast
import inspect
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(path):
    """Return the Python programs of a page that are not doctests."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if not block.startswith(">>>")]


def block_with(page, phrase):
    """Return the one program of a page that contains a phrase."""
    (block,) = [each for each in blocks_of(ROOT / "docs" / page) if phrase in each]
    return block


def compiled(block):
    """Compile a program that may await at its top level."""
    return compile(block, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


async def run(block, names):
    """Run a program, and return the names that it has and that it was given."""
    result = eval(compiled(block), names)  # noqa: S307 - our own document
    if inspect.iscoroutine(result):
        await result
    return names


async def run_with(block, names, **replaced):
    """Run a program with other objects in place of some that it imports."""
    nodes = ast.parse(block).body
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    others = [node for node in nodes if node not in imports]
    await run(ast.Module(imports, []), names)
    return await run(ast.Module(others, []), {**names, **replaced})


async def names_of(page, **given):
    """Return the names that the first block of a page imports, and those that the page assumes."""
    return await run(blocks_of(ROOT / "docs" / page)[0], {"__name__": __name__, **given})
