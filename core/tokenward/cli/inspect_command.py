"""``tokenward inspect``: show a token, verify it and list its faults."""

from collections.abc import Mapping
from typing import Annotated, Final

import typer
from pydantic import JsonValue

from tokenward.cli.clock import iso_text, moment
from tokenward.cli.configuration import has_keys, open_engine, settings_of
from tokenward.cli.exit_codes import Exit, code_of
from tokenward.cli.options import Common, KeyOptions, command
from tokenward.cli.output import name_text, print_json, print_line, quoted, signature_text
from tokenward.cli.token_input import TokenArgument, TokenVariable, token_text
from tokenward.cli.token_report import TokenReport, report_on
from tokenward.errors import InvalidAudienceError, TokenError
from tokenward.tokens import read_unverified

__all__ = ["inspect"]

_HEADINGS: Final = {"valid": "bold green", "invalid": "bold red", "not-verified": "bold yellow"}
_DO_NOT_TRUST = "Do not trust anything below."


@command
async def inspect(
    common: Common,
    keys: KeyOptions,
    token: TokenArgument = None,
    token_env: TokenVariable = None,
    issuer: Annotated[str | None, typer.Option(help="The required issuer.")] = None,
    audience: Annotated[
        list[str] | None,
        typer.Option(
            help="A required audience, one of which the token must name; may be repeated."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Check the token for this time: ISO 8601, or seconds since 1970."
        ),
    ] = None,
) -> Exit:
    """Show the token on the standard input, verify it if keys are configured, and list its faults."""
    now = moment(at)
    settings = settings_of(common, keys)
    rules = {"issuer": issuer, "audience": tuple(audience) if audience else None}
    settings = settings.model_copy(
        update={name: value for name, value in rules.items() if value is not None}
    )

    text = token_text(token, token_env)
    unverified = read_unverified(text, max_bytes=settings.max_token_bytes)
    async with open_engine(settings, now=now, store=settings.to_store()) as engine:
        report = await report_on(text, unverified, engine, has_keys=has_keys(settings))

    if common.json:
        print_json(_as_json(report))
    else:
        _print(report)
    codes = [code_of(each) for each in report.problems]
    return max(codes, default=Exit.SUCCESS if report.is_verified else Exit.INVALID)


def _as_json(report: TokenReport) -> Mapping[str, JsonValue]:
    token = report.token
    return {
        "verdict": report.verdict,
        "verified": report.is_verified,
        "inspected_at": iso_text(report.now),
        "problems": [_problem(each) for each in report.problems],
        "header": token.header,
        "claims": token.claims,
        "times": {
            name: {"at": date, "relative": words} for name, (date, words) in report.times().items()
        },
        "signature": signature_text(token.signature, token.signature_bytes),
    }


def _problem(error: TokenError) -> JsonValue:
    claim = getattr(error, "claim", None)
    named: dict[str, JsonValue] = {} if claim is None else {"claim": claim}
    return {"code": error.code, "message": str(error), **named}


def _print(report: TokenReport) -> None:
    heading = report.verdict.upper().replace("-", " ")
    print_line((heading, _HEADINGS[report.verdict]), f": {_explanation(report)}")
    for error in report.problems:
        print_line("  ", (error.code, "red"), f": {error}{_hint(error, report)}")

    _print_members("header", report.token.header, {})
    _print_members("claims", report.token.claims, report.times())
    print_line(("signature", "bold"))
    print_line("  ", signature_text(report.token.signature, report.token.signature_bytes))


def _explanation(report: TokenReport) -> str:
    if report.verdict == "valid":
        return "the signature and the claims are valid."
    if report.verdict == "invalid":
        return "the signature is valid, but the token is refused."
    if not report.has_keys:
        return f"no keys are configured. {_DO_NOT_TRUST}"
    return f"none of the keys has signed this token. {_DO_NOT_TRUST}"


def _hint(error: TokenError, report: TokenReport) -> str:
    is_unset = isinstance(error, InvalidAudienceError) and not report.has_audience
    return " No audience is configured: set one with --audience." if is_unset else ""


def _print_members(
    heading: str, members: Mapping[str, JsonValue], times: Mapping[str, tuple[str, str]]
) -> None:
    print_line((heading, "bold"))
    width = min(24, max(map(len, map(name_text, members)), default=0))
    for name, value in members.items():
        date = f"  {times[name][0]} ({times[name][1]})" if name in times else ""
        print_line("  ", (name_text(name).ljust(width), "cyan"), f"  {quoted(value)}", date)
