"""How a command ends: its exit code, and the one line that says why."""

from enum import IntEnum

from tokenward.cli.output import print_json, warn
from tokenward.errors import KeysUnavailableError, StoreUnavailableError, TokenwardError

__all__ = ["Exit", "code_of", "report_error"]


class Exit(IntEnum):
    """The exit codes; docs/command-line.md explains them."""

    GOOD = 0
    BAD = 1
    USAGE = 2
    UNAVAILABLE = 3


def code_of(error: TokenwardError) -> Exit:
    """Tell what cannot be had at the moment from what is bad."""
    is_away = isinstance(error, StoreUnavailableError | KeysUnavailableError)
    return Exit.UNAVAILABLE if is_away else Exit.BAD


def report_error(code: str, message: str, *, json: bool) -> None:
    """Say in one line why a command ends here; as JSON, where that was asked for, it is the answer."""
    if json:
        print_json({"error": {"code": code, "message": message}})
    else:
        warn(f"{code}: {message}")
