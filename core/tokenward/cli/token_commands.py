"""``tokenward issue``, ``revoke`` and ``purge``: issue tokens, and end them."""

import json
import math
from collections.abc import Awaitable
from typing import Annotated, Final, TypeVar

import typer
from pydantic import JsonValue

from tokenward.claims import Actor, TokenType
from tokenward.cli.clock import moment
from tokenward.cli.configuration import has_keys, open_engine, settings_of, shared_store
from tokenward.cli.options import Common, KeyOptions, command
from tokenward.cli.output import print_json, print_line
from tokenward.cli.token_input import TokenArgument, TokenVariable, token_text
from tokenward.errors import (
    ConfigurationError,
    StoreUnavailableError,
    TokenwardError,
)
from tokenward.policy import LONGEST_LEEWAY, NEVER
from tokenward.settings import TokenwardSettings, parse_lifetime
from tokenward.stores import RevocationStore

__all__ = ["issue", "purge", "revoke"]

_Answer = TypeVar("_Answer")

_NO_ANSWER: Final = "The store does not answer, or has no tables."


@command
async def issue(  # noqa: PLR0913, PLR0917 - options of a command
    common: Common,
    keys: KeyOptions,
    subject: Annotated[
        str, typer.Argument(help="The subject: the user or client to whom the token refers.")
    ],
    type: Annotated[TokenType, typer.Option(help="The type of the token.")] = "access",
    scope: Annotated[list[str] | None, typer.Option(help="A scope; may be repeated.")] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TEXT", help="A custom claim; may be repeated."),
    ] = None,
    claims: Annotated[
        str | None, typer.Option(metavar="JSON", help="Custom claims, as a JSON object.")
    ] = None,
    lifetime: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="The lifetime: 15m, 12h or PT15M; or never."),
    ] = None,
    fresh: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--fresh", help="Mark the token as fresh: the user has just logged in.")
    ] = False,
    acr: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="The level at which the user logged in.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option(metavar="SUBJECT", help="Who acts for the subject.")
    ] = None,
) -> None:
    """Issue a token, and print only the token."""
    if not actor and actor is not None:
        msg = "--actor requires a subject."
        raise typer.BadParameter(msg)
    settings = settings_of(common, keys)
    settings.to_keys()
    async with open_engine(settings, now=moment(None)) as engine:
        token = await engine.issue(
            subject,
            type=type,
            scopes=scope or (),
            claims=_own_claims(claim or [], claims),
            lifetime=None if lifetime is None else parse_lifetime(lifetime),
            fresh=fresh,
            acr=acr,
            actor=None if actor is None else Actor(sub=actor),
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
    session: Annotated[str | None, typer.Option(help="Revoke all tokens with this sid.")] = None,
    subject: Annotated[
        str | None,
        typer.Option(help="Revoke all tokens with this sub that were issued before now."),
    ] = None,
    longest_lifetime: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="The longest lifetime of a token of the services that share the store, such as 90d, "
            "or never. Default: the value that these services have written to the store.",
        ),
    ] = None,
) -> None:
    """Revoke a token, a session, or all tokens of a subject, in the store of the service."""
    named = {"token": token or token_env, "session": session, "subject": subject}
    kinds = [kind for kind, value in named.items() if value is not None]
    if len(kinds) != 1:
        msg = (
            "Use exactly one of '-' (the token on the standard input), --token-env, --session and "
            "--subject."
        )
        raise typer.BadParameter(msg)
    if longest_lifetime is not None and kinds == ["token"]:
        msg = "--longest-lifetime requires --session or --subject: a token has its own expiry."
        raise typer.BadParameter(msg)

    retention = None if longest_lifetime is None else _retention_seconds(longest_lifetime)
    text = token_text(token, token_env) if kinds == ["token"] else None
    settings = settings_of(common, keys)
    if text is not None:
        settings.to_keys()

    store = shared_store(settings)
    async with open_engine(settings, now=moment(None), store=store) as engine:
        if text is not None:
            await engine.revoke(text)
        else:
            await _check_retention(store, settings, retention)
        if session is not None:
            await engine.revoke_session(session)
        if subject is not None:
            await engine.revoke_subject(subject)

    if common.json:
        print_json({"revoked": kinds[0]})
    else:
        print_line(f"The {kinds[0]} is revoked.")


@command
async def purge(common: Common) -> None:
    """Remove the expired records of the store."""
    settings = TokenwardSettings(_env_file=common.env_file)
    async with shared_store(settings) as store:
        removed = await _answer_of(store.purge(now=moment(None)))
    if common.json:
        print_json({"removed": removed})
    else:
        print_line(f"{removed} records removed.")


def _retention_seconds(text: str) -> float:
    """Return how long a revocation must be kept, given the longest lifetime of a token."""
    lifetime = parse_lifetime(text)
    if lifetime is NEVER:
        return math.inf
    if not lifetime:
        msg = "--longest-lifetime must be above zero."
        raise typer.BadParameter(msg)
    return (lifetime + 2 * LONGEST_LEEWAY).total_seconds()


async def _check_retention(
    store: RevocationStore, settings: TokenwardSettings, seconds: float | None
) -> None:
    """Check that it is known how long the revocation must be kept.

    Args:
        store: the services that share it have written the lifetime of their tokens to it.
        settings: the settings of a service that issues tokens are sufficient as well.
        seconds: the value of the option, which is written to the store.

    Raises:
        ConfigurationError: none of the three has the lifetime.
        StoreUnavailableError: the store does not answer.
    """
    is_known = settings.max_token_age is not None or _can_sign(settings)
    stored = await _answer_of(store.raise_retention(seconds or 0.0))
    if not (stored or is_known):
        msg = (
            "The time to keep this revocation is unknown: no service has issued a token with this "
            "store. Check the URL and the prefix of the store, or name the longest lifetime of a "
            "token: --longest-lifetime 90d."
        )
        raise ConfigurationError(msg)


def _can_sign(settings: TokenwardSettings) -> bool:
    return has_keys(settings) and settings.to_keys().can_sign


async def _answer_of(call: Awaitable[_Answer]) -> _Answer:
    try:
        return await call
    except TokenwardError:
        raise
    except Exception as exc:
        # The messages of drivers contain the address of the store.
        raise StoreUnavailableError(_NO_ANSWER) from exc


def _own_claims(named: list[str], whole: str | None) -> dict[str, JsonValue]:
    claims = {} if whole is None else _json_object(whole)
    for each in named:
        name, sign, text = each.partition("=")
        if not sign or not name or name in claims:
            msg = "--claim takes NAME=TEXT, and each name once."
            raise typer.BadParameter(msg)
        claims[name] = text
    return claims


def _json_object(text: str) -> dict[str, JsonValue]:
    try:
        members = json.loads(text.encode(), object_pairs_hook=_unique_members)
    except (ValueError, RecursionError):
        members = None

    if not isinstance(members, dict):
        msg = "--claims takes a JSON object, with each name once."
        raise typer.BadParameter(msg)
    return members


def _unique_members(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members
