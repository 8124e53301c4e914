"""The programs of a page about migrating: before, and after each step."""

import re
import sys
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parents[2] / "docs"
DATE = "datetime(2027, 3, 1, tzinfo=UTC)"
"""The date of the pages until which former tokens are accepted."""


def changed(program, language, text):
    """Apply one change to a program; the text that it replaces must occur exactly once."""
    if language == "python":
        return f"{program}\n\n{text}"
    lines = text.splitlines(keepends=True)
    before = "".join(line[1:] or line for line in lines if line[0] != "+")
    after = "".join(line[1:] or line for line in lines if line[0] != "-")
    if not program:
        return after
    assert program.count(before) == 1, before
    return program.replace(before, after)


class Page:
    """A page with a program under "Before" and numbered steps that change it."""

    def __init__(self, name):
        """Read the page."""
        self.name = name
        self.text = (DOCS / name).read_text(encoding="utf-8")
        (self.before,) = re.findall(r"```python before\n(.*?)```", self.text, re.DOTALL)
        sections = re.findall(r"\n## (\d)\. .*?(?=\n## |\Z)", self.text, re.DOTALL)
        self.steps = tuple(int(number) for number in sections)

    def blocks_of(self, step):
        """Return the changes of a step as pairs of language and text."""
        (section,) = re.findall(rf"\n## {step}\. .*?(?=\n## |\Z)", self.text, re.DOTALL)
        return re.findall(r"```(diff|python)\n(.*?)```", section, re.DOTALL)

    def program_at(self, step):
        """Return the program after a step; 0: before the migration."""
        program = self.before
        for each in range(1, step + 1):
            for block in self.blocks_of(each):
                program = changed(program, *block)
        return program


def load(program, *, until=None):
    """Run a program as a module, and return the module."""
    if until is not None:
        assert DATE in program
        program = program.replace(DATE, f"datetime.fromtimestamp({until}, UTC)")
    module = ModuleType("migrated_program")
    sys.modules[module.__name__] = module
    exec(compile(program, "program", "exec"), vars(module))  # noqa: S102 - our own document
    return module
