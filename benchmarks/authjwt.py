"""What a protected request costs over a bare one: the drop-in, and async-fastapi-jwt-auth itself.

Run it with ``nox -s bench``. The reference gets an environment of its own, with the very releases of
FastAPI, Starlette, PyJWT and Pydantic that Tokenward runs on here: its protected routes still work
there, as long as subjects are text. Each library serves the same app in a process of its own, which
calls it as a server does. They take turns, in short blocks; in each block a bare route is timed
beside the protected ones, and the difference is the overhead. What FastAPI takes for a dependency
that does nothing is a part of it, and is said besides.
"""

import argparse
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from venv import EnvBuilder

REFERENCE = "async-fastapi-jwt-auth==0.6.6"
SIDE = Path(__file__).with_name("authjwt_side.py")
SHARED = ("fastapi", "starlette", "pyjwt", "pydantic")
# The routes of `authjwt_side.py`, and what each does.
ROUTES = {
    "/required": "`jwt_required`",
    "/subject": "and `get_jwt_subject`",
    "/claims": "and `get_raw_jwt`",
}
AT_MOST = 0.125  # what the project set itself: an eighth


class Side:
    """One library, served and timed in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Take the process, and wait until it serves."""
        self._process = process
        self.runs_on = self._answer()

    def microseconds(self, path: str, calls: int) -> float:
        """Have it time some requests, one after the other."""
        self._process.stdin.write(f"{path} {calls}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        line: str = self._process.stdout.readline()
        if not line:
            sys.exit("One of the two has ended; what it wrote above says why.")
        return line.strip()


@contextmanager
def serving(python: str, package: str) -> Iterator[Side]:
    """Serve one library; it ends when its input does."""
    command = [python, str(SIDE), package]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603
        yield Side(process)


def reference_in(folder: Path) -> str:
    """Install the reference into an environment in a folder, or find it there; give its Python."""
    builder = EnvBuilder(with_pip=True)
    python: str = builder.ensure_directories(folder).env_exe
    if not Path(python).exists():
        builder.create(folder)
    pins = [f"{name}=={version(name)}" for name in SHARED]
    options = ["--quiet", "--disable-pip-version-check"]
    command = [python, "-m", "pip", "install", *options, REFERENCE, *pins]
    subprocess.run(command, check=True)  # noqa: S603 - names that stand here
    return python


def overheads(side: Side, calls: int) -> dict[str, float]:
    """Time every route, and a bare one before and after; give what each costs more."""
    before = side.microseconds("/bare", calls)
    costs = {path: side.microseconds(path, calls) for path in ("/empty", *ROUTES)}
    bare = (before + side.microseconds("/bare", calls)) / 2
    return {path: cost - bare for path, cost in costs.items()} | {"/bare": bare}


def row(path: str, own: list[float], other: list[float]) -> str:
    """Say one comparison in a line of a Markdown table."""
    ratios = sorted(a / b for a, b in zip(own, other, strict=True))
    tenth = len(ratios) // 10
    spread = f"{ratios[tenth]:.3f} to {ratios[-tenth - 1]:.3f}"
    return (
        f"| {ROUTES[path]} | {statistics.median(own):.1f} | {statistics.median(other):.1f} "
        f"| {statistics.median(ratios):.3f} | {spread} | {AT_MOST} |"
    )


def measure(reference: str, *, blocks: int, calls: int) -> None:
    """Let the two take turns, and print the table."""
    with (
        serving(sys.executable, "tokenward_fastapi.authjwt") as ours,
        serving(reference, "async_fastapi_jwt_auth") as theirs,
    ):
        if ours.runs_on != theirs.runs_on:
            sys.exit(f"Not the same: {ours.runs_on}; {theirs.runs_on}.")
        print(f"Python {platform.python_version()}, {ours.runs_on}, {platform.machine()}\n")
        pairs = [(overheads(ours, calls), overheads(theirs, calls)) for _ in range(blocks)]
    print(
        "| a protected route | Tokenward µs more | reference µs more | ratio | 10 % to 90 % | at most |"
    )
    print("|---|---|---|---|---|---|")
    for path in ROUTES:
        print(row(path, [own[path] for own, _ in pairs], [other[path] for _, other in pairs]))
    bare, empty = (statistics.median(own[path] for own, _ in pairs) for path in ("/bare", "/empty"))
    print(
        f"\nA bare route takes {bare:.1f} µs; a dependency that does nothing {empty:.1f} µs more."
    )


def main() -> None:
    """Make the reference ready, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer blocks, for a first look")
    parser.add_argument(
        "--reference", type=Path, help="keep its environment in this folder, for the next time"
    )
    wanted = parser.parse_args()
    with TemporaryDirectory() as temporary:
        python = reference_in(wanted.reference or Path(temporary) / "reference")
        measure(python, blocks=20 if wanted.quick else 100, calls=200)


if __name__ == "__main__":
    main()
