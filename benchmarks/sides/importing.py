"""Import ``tokenward``, or the libraries under it with one model; print the milliseconds and the peak MiB.

``importing.py tokenward`` or ``importing.py libraries``.
"""

import sys
import time
from pathlib import Path


def peak_kilobytes() -> int:
    """Return the peak resident memory of this process."""
    status = Path("/proc/self/status")
    if status.exists():  # Here getrusage would also count the parent process.
        lines = status.read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


start = time.perf_counter()
if sys.argv[1] == "tokenward":
    import tokenward

    assert tokenward.TokenEngine  # noqa: S101 - check that it is the package
else:
    import jwt
    import pydantic

    class M(pydantic.BaseModel):
        """One model."""

        a: int

    assert jwt.decode  # noqa: S101 - check that it is the package
milliseconds = (time.perf_counter() - start) * 1e3
print(milliseconds, peak_kilobytes() / 1024)
