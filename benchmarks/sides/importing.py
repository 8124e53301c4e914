"""Imports ``tokenward``, or what it stands on with one model built, in a new process; says how long and how large.

``importing.py tokenward`` or ``importing.py libraries``.
"""

import sys
import time
from pathlib import Path


def peak_kilobytes() -> int:
    """Give the largest memory that this process has had resident."""
    status = Path("/proc/self/status")
    if status.exists():  # where getrusage would also count the process that started this one
        lines = status.read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


start = time.perf_counter()
if sys.argv[1] == "tokenward":
    import tokenward

    assert tokenward.TokenEngine  # noqa: S101 - that it is the package
else:
    import jwt
    import pydantic

    class M(pydantic.BaseModel):
        """One model."""

        a: int

    assert jwt.decode  # noqa: S101 - that it is the package
milliseconds = (time.perf_counter() - start) * 1e3
print(milliseconds, peak_kilobytes() / 1024)
