"""How a command ends: its exit code, and one line that states the reason."""

from enum import IntEnum

from tokenward.cli.output import print_json, warn
from tokenward.errors import KeysUnavailableError, StoreUnavailableError, TokenwardError

__all__ = ["Exit", "code_of", "report_error"]


class Exit(IntEnum):
    """The exit codes; see docs/command-line.md."""

    SUCCESS = 0
    INVALID = 1
    USAGE = 2
    UNAVAILABLE = 3


def code_of(error: TokenwardError) -> Exit:
    """Return the exit code of an error: temporarily unavailable, or invalid."""
    is_temporary = isinstance(error, StoreUnavailableError | KeysUnavailableError)
    return Exit.UNAVAILABLE if is_temporary else Exit.INVALID


def report_error(code: str, message: str, *, json: bool) -> None:
    """Print an error: as JSON to the standard output, or as one line to the standard error."""
    if json:
        print_json({"error": {"code": code, "message": message}})
    else:
        warn(f"{code}: {message}")
