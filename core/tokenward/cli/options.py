"""The options that several commands share, and the decorator that makes a function a command."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_type_hints

import typer

from tokenward.cli.exit_codes import Exit, code_of, report_error
from tokenward.errors import TokenwardError

__all__ = ["Common", "KeyOptions", "command"]

_Ending: TypeAlias = Exit | None
_NO_SECRETS = "Secrets are never arguments, because every user of the machine can see arguments."


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """The options of every command."""

    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
    env_file: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A file with further settings; variables of the environment override it.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """Where the keys come from; at most one option, which replaces the environment's keys."""

    keys: Annotated[Path | None, typer.Option(help="A directory of keys.")] = None
    secret_file: Annotated[
        Path | None, typer.Option(help=f"A file that contains an HMAC secret. {_NO_SECRETS}")
    ] = None
    secret_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"The environment variable that contains an HMAC secret. {_NO_SECRETS}",
        ),
    ] = None
    secret_encoding: Annotated[
        str | None,
        typer.Option(
            metavar="base64", help="How the secret is encoded; default: it is used as it is."
        ),
    ] = None
    pem: Annotated[
        Path | None, typer.Option(help="A PEM key, private or public, or a certificate.")
    ] = None
    pem_password_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The environment variable that contains the PEM key's password."
        ),
    ] = None
    jwks: Annotated[
        str | None,
        typer.Option(metavar="FILE|URL", help="A JSON Web Key Set, in a file or at a URL."),
    ] = None
    algorithm: Annotated[
        str | None,
        typer.Option(
            help="The algorithm of the secret (default: HS256) or the PEM key (default for RSA: "
            "RS256)."
        ),
    ] = None


def command(work: Callable[..., Coroutine[Any, Any, _Ending] | _Ending]) -> Callable[..., None]:
    """Return the typer command of a function, plain or async.

    A parameter that is a group of options, such as `Common`, becomes one option for each field. A
    `TokenwardError` ends the command with one line and an exit code.
    """
    hints = get_type_hints(work, include_extras=True)
    hints.pop("return")
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    def run(**given: Any) -> None:  # noqa: ANN401 - the values of all options
        as_json = given["json"]
        arguments = {
            name: group(**{each.name: given.pop(each.name) for each in fields(group)})
            for name, group in groups.items()
        }
        code = _run(partial(work, **arguments, **given), as_json=as_json)
        if code:
            raise typer.Exit(code)

    run.__name__ = work.__name__.rstrip("_")
    run.__doc__ = work.__doc__
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # read by inspect.signature
        [
            parameter
            for name, own in inspect.signature(work).parameters.items()
            for parameter in _expanded(own.replace(annotation=hints[name]), groups.get(name))
        ]
    )
    run.__annotations__ = {}
    return run


def _expanded(own: inspect.Parameter, group: Any) -> list[inspect.Parameter]:  # noqa: ANN401 - a class
    """Return a parameter, or the parameters for the fields of its group."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    if group is None:
        return [own.replace(kind=keyword)]

    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(each.name, keyword, default=each.default, annotation=hints[each.name])
        for each in fields(group)
    ]


def _run(work: Callable[[], Coroutine[Any, Any, _Ending] | _Ending], *, as_json: bool) -> _Ending:
    try:
        ending = work()
        return asyncio.run(ending) if isinstance(ending, Coroutine) else ending
    except TokenwardError as exc:
        report_error(exc.code, str(exc), json=as_json)
        return code_of(exc)
    except OSError as exc:
        report_error("file_unusable", f"A file cannot be used: {exc.strerror}.", json=as_json)
        return Exit.INVALID
