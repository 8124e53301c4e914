"""``tokenward keys``: generate, list, rotate and export the keys of a directory."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from pydantic import JsonValue

from tokenward.cli.clock import iso_text, moment, relative_text
from tokenward.cli.configuration import keys_directory
from tokenward.cli.options import Common, command
from tokenward.cli.output import print_json, print_line
from tokenward.errors import ConfigurationError
from tokenward.keys import Key, KeyDirectory, KeyEntry, KeyRing
from tokenward.settings import parse_duration

__all__ = ["keys_app"]

keys_app: typer.Typer = typer.Typer(
    help="Generate, list, rotate and export the keys of a directory.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Directory: TypeAlias = Annotated[
    Path | None, typer.Option("--keys", metavar="DIR", help="The directory of the keys.")
]
_Algorithm: TypeAlias = Annotated[
    str, typer.Option(help="The algorithm: Ed25519, ES256, RS256, HS256 or another of RFC 7518.")
]
_Kid: TypeAlias = Annotated[
    str | None, typer.Option(help="The key id; default: the RFC 7638 thumbprint.")
]


@keys_app.command()
@command
def generate(
    common: Common, keys: Directory = None, algorithm: _Algorithm = "Ed25519", kid: _Kid = None
) -> None:
    """Generate a key: the first one signs at once, later ones are published and pending."""
    directory = KeyDirectory(keys_directory(common, keys))
    key = _new_key(algorithm, kid)
    with directory.change(first=key) as ring:
        if ring.active is not key:
            ring.publish(key)
    _print_entries(common, ring, moment(None))


@keys_app.command("list")
@command
def list_(common: Common, keys: Directory = None) -> None:
    """List the keys and the state of each, never key material."""
    ring = KeyDirectory(keys_directory(common, keys)).load()
    _print_entries(common, ring, moment(None))


@keys_app.command()
@command
def rotate(
    common: Common,
    verify_for: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help="How long the old key still verifies, such as 30d: the longest lifetime of its tokens.",
        ),
    ],
    keys: Directory = None,
    algorithm: Annotated[
        str | None, typer.Option(help="The algorithm of a new key; default: that of the old key.")
    ] = None,
    kid: Annotated[
        str | None,
        typer.Option(help="The key id of the pending key that shall sign, or of a new key."),
    ] = None,
) -> None:
    """Sign with another key: the pending key, or a new key if none is pending."""
    directory = KeyDirectory(keys_directory(common, keys))
    now, duration = moment(None), parse_duration(verify_for)
    with directory.change() as ring:
        ring.drop_expired(now)
        ring.rotate(_next_key(ring, algorithm, kid), verify_for=duration, now=now)
    _print_entries(common, ring, now)


@keys_app.command()
@command
def export(
    common: Common,
    keys: Directory = None,
    private: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--private", help="Print private keys and secrets, unencrypted.")
    ] = False,
) -> None:
    """Print the public keys as a JSON Web Key Set; with --private, the private keys."""
    ring = KeyDirectory(keys_directory(common, keys)).load()
    ring.drop_expired(moment(None))

    if not private:
        print_json(ring.public_jwks())
        return
    print_json({"keys": [_private_form(key) for key in ring if key.can_sign]})


def _new_key(algorithm: str, kid: str | None) -> Key:
    key = Key.generate(algorithm, kid=kid)
    if key.kid is None:
        msg = "A secret in a directory requires a key id: --kid NAME."
        raise ConfigurationError(msg)
    return key


def _next_key(ring: KeyRing, algorithm: str | None, kid: str | None) -> Key:
    pending = [entry.key for entry in ring.entries() if entry.state == "pending"]
    chosen = [key for key in pending if kid in {key.kid, None}]
    if len(chosen) > 1:
        msg = "Several keys are pending: choose one with --kid."
        raise ConfigurationError(msg)

    if chosen and algorithm is None:
        return chosen[0]
    return _new_key(algorithm or ring.active.algorithm.name, kid)


def _private_form(key: Key) -> JsonValue:
    """Return a private JWK (RFC 7517), which TOKENWARD_JWKS_FILE and other libraries accept."""
    if key.algorithm.key_type == "oct":
        return key.secret_jwk()
    backend = key.algorithm.backend
    members = backend.to_jwk(backend.prepare_key(key.private_pem()), as_dict=True)
    return {**members, **key.public_jwk(), "key_ops": ["sign", "verify"]}


def _print_entries(common: Common, ring: KeyRing, now: float) -> None:
    if common.json:
        print_json({"keys": [_as_json(entry) for entry in ring.entries()]})
        return

    for key, state, until in ring.entries():
        end = "" if until is None else f"  until {iso_text(until)} ({relative_text(until, now)})"
        half = "" if key.can_sign else "  public key only"
        print_line((f"{state:<11}", "bold"), f"  {key.algorithm.name:<7}  {key.kid}{end}{half}")


def _as_json(entry: KeyEntry) -> dict[str, JsonValue]:
    until = entry.verify_until
    return {
        "kid": entry.key.kid,
        "algorithm": entry.key.algorithm.name,
        "state": entry.state,
        "verify_until": None if until is None else iso_text(until),
        "private": entry.key.can_sign,
    }
