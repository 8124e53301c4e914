"""The command line ``tokenward``. Needs ``tokenward[cli]``; see docs/command-line.md.

Exit codes: 0 success; 1 the token or the configuration is invalid; 2 the command line is invalid;
3 a store or a key set does not answer; 4 the extra is not installed.
"""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from io import TextIOWrapper

__all__ = ["main"]

_NOT_INSTALLED = 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its exit code.

    Args:
        arguments: by default those of this process.

    Raises:
        SystemExit: always.
    """
    missing = [name for name in ("typer", "rich", "pydantic_settings") if find_spec(name) is None]
    if missing:
        sys.stderr.write("tokenward: install Tokenward with its extra 'cli' for the command line\n")
        raise SystemExit(_NOT_INSTALLED)
    from tokenward.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Characters that the terminal's encoding lacks are written as escapes.
            stream.reconfigure(errors="backslashreplace")
    app(arguments, prog_name="tokenward")
