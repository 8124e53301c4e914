"""The text of a token: read from the standard input or a variable, and taken apart unverified."""

import sys
from typing import Annotated, Final, NamedTuple, TypeAlias

import typer
from pydantic import JsonValue
from pydantic_core import from_json

from tokenward.cli._config import secret_in
from tokenward.cli._screen import warn
from tokenward.errors import MalformedTokenError
from tokenward.jose.codec import all_finite, b64url_decode, loads_header
from tokenward.jose.compact import split_compact, text_of_token

__all__ = ["Parts", "TokenArgument", "TokenVariable", "dissected", "token_text"]

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


class Parts(NamedTuple):
    """What a token says, whoever wrote it."""

    header: dict[str, JsonValue]
    claims: dict[str, JsonValue]
    payload: bytes
    signature: str
    """As it stands in the token, in base64url."""
    signature_bytes: int


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


def dissected(token: str, *, max_bytes: int) -> Parts:
    """Take a token apart. Nothing of it is checked but that it can be read.

    Raises:
        MalformedTokenError: it is no compact JWS of two JSON objects.
    """
    head, body, signature = split_compact(text_of_token(token, max_bytes=max_bytes))
    header, payload = loads_header(b64url_decode(head)), b64url_decode(body)
    if not all_finite(header):
        raise MalformedTokenError
    return Parts(header, _object(payload), payload, signature, len(b64url_decode(signature)))


def _object(payload: bytes) -> dict[str, JsonValue]:
    try:
        members = from_json(payload, allow_inf_nan=False)
    except ValueError:
        members = None
    # Raised out here: inside `except` it would carry the parser's error, and that the payload.
    if not isinstance(members, dict) or not all_finite(members):
        raise MalformedTokenError
    return members
