"""The options that several commands share, and how a function becomes a command."""

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
_NO_SECRETS = "Secrets are never arguments, because everybody on the machine can see those."


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What every command takes."""

    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False
    env_file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Settings, where the environment has none."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """Where the keys come from, in place of the environment; one of them."""

    keys: Annotated[Path | None, typer.Option(help="A directory of keys.")] = None
    secret_file: Annotated[
        Path | None, typer.Option(help=f"A file with an HMAC secret. {_NO_SECRETS}")
    ] = None
    secret_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"The variable that holds an HMAC secret. {_NO_SECRETS}"),
    ] = None
    pem: Annotated[Path | None, typer.Option(help="A PEM key, private or public.")] = None
    pem_password_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="The variable with the PEM key's password.")
    ] = None
    jwks: Annotated[
        str | None,
        typer.Option(metavar="FILE|URL", help="A JSON Web Key Set, in a file or at an address."),
    ] = None
    algorithm: Annotated[
        str | None,
        typer.Option(help="The algorithm of the secret or the PEM key; HS256, RS256 by default."),
    ] = None


def command(work: Callable[..., Coroutine[Any, Any, _Ending] | _Ending]) -> Callable[..., None]:
    """Make a function, plain or async, what typer takes for a command.

    Parameters that are groups of options, as `Common`, are spread out. Errors of Tokenward end the
    command with one line and its exit code.
    """
    hints = get_type_hints(work, include_extras=True)
    hints.pop("return")
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options give
        as_json = given["json"]
        arguments = {
            name: group(**{each.name: given.pop(each.name) for each in fields(group)})
            for name, group in groups.items()
        }
        code = _ended(partial(work, **arguments, **given), as_json=as_json)
        if code:
            raise typer.Exit(code)

    run.__name__ = work.__name__.rstrip("_")
    run.__doc__ = work.__doc__
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # as inspect.signature reads
        [
            parameter
            for name, own in inspect.signature(work).parameters.items()
            for parameter in _spread(own.replace(annotation=hints[name]), groups.get(name))
        ]
    )
    run.__annotations__ = {}
    return run


def _spread(own: inspect.Parameter, group: Any) -> list[inspect.Parameter]:  # noqa: ANN401 - a class
    keyword = inspect.Parameter.KEYWORD_ONLY
    if group is None:
        return [own.replace(kind=keyword)]
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(each.name, keyword, default=each.default, annotation=hints[each.name])
        for each in fields(group)
    ]


def _ended(work: Callable[[], Coroutine[Any, Any, _Ending] | _Ending], *, as_json: bool) -> _Ending:
    try:
        ending = work()
        return asyncio.run(ending) if isinstance(ending, Coroutine) else ending
    except TokenwardError as exc:
        report_error(exc.code, str(exc), json=as_json)
        return code_of(exc)
    except OSError as exc:
        report_error("file_unusable", f"A file cannot be used: {exc.strerror}.", json=as_json)
        return Exit.BAD
