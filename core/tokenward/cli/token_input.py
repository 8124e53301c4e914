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
    typer.Argument(metavar="[-]", help="The token comes from the standard input, never from here."),
]
TokenVariable: TypeAlias = Annotated[
    str | None,
    typer.Option("--token-env", metavar="NAME", help="The variable that holds the token."),
]
_NO_ARGUMENT: Final = (
    "A token is not taken as an argument: everybody on the machine can see arguments, and the shell "
    "keeps them. Write it to the standard input, or name its variable: --token-env NAME. "
    "Revoke the token if others could have seen it."
)

_LARGEST_INPUT: Final = 1_048_576


def token_text(arguments: list[str] | None, variable: str | None) -> str:
    """Return the token in a variable, or from the standard input.

    Args:
        arguments: what stands where a token could; ``-`` or nothing is accepted.
        variable: the name of the variable, if one was named.

    Raises:
        BadParameter: there is a token among the arguments, or the variable is not set.
        MalformedTokenError: the token is empty, not ASCII, or longer than any token.
    """
    if arguments not in (None, [], ["-"]):
        raise typer.BadParameter(_NO_ARGUMENT)
    if variable is not None and arguments:
        msg = "Give '-' or --token-env, not both."
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
