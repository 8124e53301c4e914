"""The runner's view of a side: a process that answers ``CASE CALLS`` with microseconds, or serves HTTP."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SIDES = Path(__file__).with_name("sides")


class SideFailedError(Exception):
    """A side gave a wrong result and has ended; its output says why."""


class Side:
    """A running side."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        """Store the process and wait until it is ready."""
        self.name = name
        self._process = process
        greeting = self._answer()
        self.versions: dict[str, str] = greeting["versions"]
        self.cases: list[str] = greeting.get("cases", [])
        self.port: int | None = greeting.get("port")

    def microseconds(self, case: str, calls: int) -> float:
        """Time some calls of a case and return the microseconds of one call."""
        try:
            self._process.stdin.write(f"{case} {calls}\n")
            self._process.stdin.flush()
        except BrokenPipeError as exc:
            raise SideFailedError(self.name) from exc
        return float(self._answer())

    def last_output(self) -> Any:  # noqa: ANN401 - JSON
        """Stop a side that serves HTTP and return its last output."""
        self._process.stdin.close()
        return self._answer()

    def _answer(self) -> Any:  # noqa: ANN401 - JSON
        line = self._process.stdout.readline()
        if not line:
            raise SideFailedError(self.name)
        return json.loads(line)


@contextmanager
def running(name: str, python: str, script: str, *arguments: str) -> Iterator[Side]:
    """Run a side; it ends when its input is closed.

    Args:
        name: used in errors.
        python: the Python of the side's environment.
        script: the name of its file in ``sides``.
        arguments: the arguments of the script.
    """
    command = [python, str(SIDES / script), *arguments]
    pipe = subprocess.PIPE
    # The same hashes, and so the same order of sets, on all sides.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    with subprocess.Popen(  # noqa: S603 - constant names
        command, stdin=pipe, stdout=pipe, text=True, env=environment
    ) as process:
        try:
            yield Side(name, process)
        finally:
            if not process.stdin.closed:
                process.stdin.close()
            process.stdout.read()  # Let the side write its last output.


def output_of(script: str, *arguments: str) -> str:
    """Run a side of this environment until it ends and return its output.

    Raises:
        SideFailedError: the side gave a wrong result.
    """
    command = [sys.executable, str(SIDES / script), *arguments]
    # Compiled bytecode is kept, whatever the caller has set: an import is measured with it.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    try:
        return subprocess.run(  # noqa: S603 - constant names
            command, check=True, stdout=subprocess.PIPE, text=True, env=environment
        ).stdout
    except subprocess.CalledProcessError as exc:
        raise SideFailedError(script) from exc
