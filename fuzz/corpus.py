"""Write the seeds of the targets into a folder: ``python -m fuzz.corpus FOLDER``."""

import hashlib
import importlib
import sys
from pathlib import Path
from typing import Final

__all__ = ["TARGETS", "write_seeds"]

TARGETS: Final = sorted(path.stem for path in Path(__file__).parent.glob("fuzz_*.py"))
"""The names of the targets' modules."""


def write_seeds(target: str, folder: Path) -> None:
    """Write each seed of a target into its own file; a seed has the same name each time."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in importlib.import_module(f"fuzz.{target}").seeds():
        folder.joinpath(hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


if __name__ == "__main__":
    for each in TARGETS:
        write_seeds(each, Path(sys.argv[1], each))
