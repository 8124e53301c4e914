"""The token that a command reads, from the standard input or from a variable."""

import sys
from typing import Annotated, Final, TypeAlias

import typer

from tokenward.cli.configuration import secret_in
from tokenward.cli.output import warn
from tokenward.errors import MalformedTokenError

__all__ = ["TokenArgument", "TokenVariable", "token_text"]

TokenArgument: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-]", help="Read the token from the standard input."),
]
TokenVariable: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--token-env", metavar="NAME", help="The environment variable that contains the token."
    ),
]
_NO_ARGUMENT: Final = (
    "A token must not be an argument: every user of the machine can see arguments, and the shell "
    "stores them. Write the token to the standard input, or name a variable: --token-env NAME. "
    "Revoke the token if others may have seen it."
)

_LARGEST_INPUT: Final = 1_048_576


def token_text(arguments: list[str] | None, variable: str | None) -> str:
    """Return the token from a variable or from the standard input.

    Args:
        arguments: the positional arguments; only ``-`` or none are accepted.
        variable: the name of the variable, if `--token-env` was used.

    Raises:
        BadParameter: the arguments contain a token, or the variable is not set.
        MalformedTokenError: the token is empty, not ASCII, or longer than 1 MiB.
    """
    if arguments not in (None, [], ["-"]):
        raise typer.BadParameter(_NO_ARGUMENT)
    if variable is not None and arguments:
        msg = "Use '-' or --token-env, not both."
        raise typer.BadParameter(msg)

    token = (_input() if variable is None else secret_in(variable).get_secret_value()).strip()
    if not token or not token.isascii():
        raise MalformedTokenError
    return token


def _input() -> str:
    if sys.stdin.isatty():
        warn("Paste the token, then press Enter and Ctrl-D.")
    read = sys.stdin.buffer.read(_LARGEST_INPUT + 1)
    return "" if len(read) > _LARGEST_INPUT else read.decode("latin-1")
