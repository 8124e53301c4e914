"""The runner's end of a side: a process that answers ``CASE CALLS`` with microseconds, or serves HTTP."""

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
    """A side has ended, because it does not do what it claims; what it wrote says why."""


class Side:
    """A process that answers."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        """Take the process, and wait until it is ready."""
        self.name = name
        self._process = process
        greeting = self._answer()
        self.versions: dict[str, str] = greeting["versions"]
        self.cases: list[str] = greeting.get("cases", [])
        self.port: int | None = greeting.get("port")

    def microseconds(self, case: str, calls: int) -> float:
        """Have it time some calls of a case."""
        try:
            self._process.stdin.write(f"{case} {calls}\n")
            self._process.stdin.flush()
        except BrokenPipeError as exc:
            raise SideFailedError(self.name) from exc
        return float(self._answer())

    def farewell(self) -> Any:  # noqa: ANN401 - JSON
        """End a side that serves; give what it says at last."""
        self._process.stdin.close()
        return self._answer()

    def _answer(self) -> Any:  # noqa: ANN401 - JSON
        line = self._process.stdout.readline()
        if not line:
            raise SideFailedError(self.name)
        return json.loads(line)


@contextmanager
def running(name: str, python: str, script: str, *arguments: str) -> Iterator[Side]:
    """Run a side; it ends when its input does.

    Args:
        name: by which errors name it.
        python: of its environment.
        script: its file in ``sides``.
        arguments: of the script.
    """
    command = [python, str(SIDES / script), *arguments]
    pipe = subprocess.PIPE
    # The same order of dictionaries and sets for all.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    with subprocess.Popen(  # noqa: S603 - names that stand here
        command, stdin=pipe, stdout=pipe, text=True, env=environment
    ) as process:
        try:
            yield Side(name, process)
        finally:
            if not process.stdin.closed:
                process.stdin.close()
            process.stdout.read()  # so that it can say its last words


def output_of(script: str, *arguments: str) -> str:
    """Run a side of this environment that says one thing and ends; give what it says.

    Raises:
        SideFailedError: it does not do what it claims.
    """
    command = [sys.executable, str(SIDES / script), *arguments]
    try:
        return subprocess.run(  # noqa: S603 - names that stand here
            command, check=True, stdout=subprocess.PIPE, text=True
        ).stdout
    except subprocess.CalledProcessError as exc:
        raise SideFailedError(script) from exc
