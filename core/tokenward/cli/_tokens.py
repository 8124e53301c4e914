"""``tokenward issue``, ``revoke`` and ``purge``: tokens made, and tokens that are over."""

from typing import Annotated, Final

import typer
from pydantic import JsonValue

from tokenward._codec import loads_object
from tokenward._durations import parse_lifetime
from tokenward.claims import TokenType
from tokenward.cli._clock import moment
from tokenward.cli._config import open_engine, settings_of, shared_store
from tokenward.cli._options import Common, KeyOptions, command
from tokenward.cli._screen import print_json, print_line
from tokenward.cli._token import TokenArgument, TokenVariable, token_text
from tokenward.errors import MalformedTokenError, StoreUnavailableError
from tokenward.revocation import RevocationStore
from tokenward.settings import TokenwardSettings

__all__ = ["issue", "purge", "revoke"]

_MAX_BRACKETS: Final = 1_024
_NO_ANSWER: Final = "The store does not answer, or has no tables."


@command
async def issue(
    common: Common,
    keys: KeyOptions,
    subject: Annotated[str, typer.Argument(help="Whom the token is about.")],
    type: Annotated[TokenType, typer.Option(help="What it is for.")] = "access",
    scope: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TEXT", help="A claim of your own; may be repeated."),
    ] = None,
    claims: Annotated[
        str | None, typer.Option(metavar="JSON", help="Claims of your own, as a JSON object.")
    ] = None,
    lifetime: Annotated[
        str | None, typer.Option(metavar="DURATION", help="15m, 12h or PT15M; or never.")
    ] = None,
    fresh: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--fresh", help="Mark it: the user has just proved who they are.")
    ] = False,
) -> None:
    """Issue a token, and print it and nothing else."""
    settings = settings_of(common, keys)
    settings.to_keys()
    async with open_engine(settings, now=moment(None)) as engine:
        token = await engine.issue(
            subject,
            type=type,
            scope=scope or (),
            claims=_own_claims(claim or [], claims),
            lifetime=None if lifetime is None else parse_lifetime(lifetime),
            fresh=fresh,
        )
    if common.json:
        print_json({"token": token})
    else:
        print_line(token)


@command
async def revoke(
    common: Common,
    keys: KeyOptions,
    token: TokenArgument = None,
    token_env: TokenVariable = None,
    session: Annotated[str | None, typer.Option(help="All tokens of this sid.")] = None,
    subject: Annotated[
        str | None, typer.Option(help="All tokens of this sub that were issued before now.")
    ] = None,
) -> None:
    """Revoke a token, a session or whatever a subject has, in the store of the service."""
    named = {"token": token or token_env, "session": session, "subject": subject}
    kinds = [kind for kind, value in named.items() if value is not None]
    if len(kinds) != 1:
        msg = (
            "Give one of: '-' (the token on the standard input), --token-env, --session, --subject."
        )
        raise typer.BadParameter(msg)
    text = token_text(token, token_env) if kinds == ["token"] else None
    settings = settings_of(common, keys)
    if text is not None:
        settings.to_keys()
    store = shared_store(settings)
    async with open_engine(settings, now=moment(None), store=store) as engine:
        if session is not None:
            await engine.revoke_session(session)
        elif subject is not None:
            await engine.revoke_subject(subject)
        elif text is not None:
            await engine.revoke(text)
    if common.json:
        print_json({"revoked": kinds[0]})
    else:
        print_line(f"The {kinds[0]} is revoked.")


@command
async def purge(common: Common) -> None:
    """Have the store forget what is over by itself."""
    settings = TokenwardSettings(_env_file=common.env_file)
    async with shared_store(settings) as store:
        forgotten = await _purged(store)
    if common.json:
        print_json({"forgotten": forgotten})
    else:
        print_line(f"{forgotten} records forgotten.")


async def _purged(store: RevocationStore) -> int:
    try:
        return await store.purge(now=moment(None))
    except Exception as exc:
        # Drivers' own messages repeat addresses.
        raise StoreUnavailableError(_NO_ANSWER) from exc


def _own_claims(named: list[str], whole: str | None) -> dict[str, JsonValue]:
    try:
        claims = {} if whole is None else loads_object(whole.encode(), max_brackets=_MAX_BRACKETS)
    except (MalformedTokenError, UnicodeEncodeError):
        msg = "--claims takes a JSON object."
        raise typer.BadParameter(msg) from None
    for each in named:
        name, sign, text = each.partition("=")
        if not sign or not name or name in claims:
            msg = "--claim takes NAME=TEXT, and no name twice."
            raise typer.BadParameter(msg)
        claims[name] = text
    return claims
