"""Write the complete programs of the documents as modules, for type checkers."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/start.md", "docs/browsers.md"]


def write_programs(directory: Path) -> None:
    """Write each Python program of each page that is not a doctest."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        programs = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for number, program in enumerate(programs):
            if not program.startswith(">>>"):
                name = f"{Path(page).stem.lower()}_{number}.py"
                (directory / name).write_text(program, encoding="utf-8")


if __name__ == "__main__":
    write_programs(Path(sys.argv[1]))
