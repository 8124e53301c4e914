"""Import ``tokenward``, or the libraries under it with one model; print the milliseconds of processor time and the peak MiB.

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


start = time.process_time()
if sys.argv[1] == "tokenward":
    from tokenward import Claims, KeyRing, TokenEngine, TokenPolicy

    assert all((Claims, KeyRing, TokenEngine, TokenPolicy))  # noqa: S101 - check that they are there
else:
    import jwt
    import pydantic

    class M(pydantic.BaseModel):
        """One model."""

        a: int

    assert jwt.decode  # noqa: S101 - check that it is the package
milliseconds = (time.process_time() - start) * 1e3
print(milliseconds, peak_kilobytes() / 1024)
