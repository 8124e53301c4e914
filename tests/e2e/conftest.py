"""The examples are scripts: what they import from each other lies beside them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "examples"))
