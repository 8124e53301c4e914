"""``tokenward doctor``: find settings that are unusable, unsafe or without effect."""

from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from tokenward.cli.clock import moment
from tokenward.cli.configuration import has_keys, settings_of
from tokenward.cli.connection_checks import findings_of_connection
from tokenward.cli.exit_codes import Exit
from tokenward.cli.options import Common, KeyOptions, command
from tokenward.cli.output import print_json, print_line
from tokenward.cli.settings_checks import Finding, Severity, findings_of_settings
from tokenward.errors import ConfigurationError
from tokenward.keys import Key, KeyDirectory, KeyRing
from tokenward.settings import (
    KEY_SETTINGS,
    TokenwardSettings,
    duration_text,
    engine_from_settings,
    parse_duration,
)
from tokenward.stores import MemoryStore

__all__ = ["doctor"]

_STYLES: Final[dict[Severity, str]] = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_RSA_BITS: Final = 3_072


@command
async def doctor(
    common: Common,
    keys: KeyOptions,
    strict: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--strict", help="Treat warnings as errors.")
    ] = False,
    connect: Annotated[  # noqa: FBT002 - an option
        bool,
        typer.Option(
            "--connect", help="Also ask the store, the issuer of the keys and the endpoint."
        ),
    ] = False,
    max_key_age: Annotated[
        str,
        typer.Option(metavar="DURATION", help="The age above which a signing key is reported."),
    ] = "90d",
) -> Exit:
    """Check the configuration, and report what is unusable, unsafe or without effect."""
    oldest = parse_duration(max_key_age)
    try:
        settings = settings_of(common, keys)
    except ConfigurationError as exc:
        findings = [_fault("configuration_invalid", "TOKENWARD_", exc)]
    else:
        findings = [*findings_of_settings(settings), *_opening_findings(settings, oldest)]
        if connect:
            codes = {each.code for each in findings}
            findings += await findings_of_connection(settings, codes)

    counts = Counter(each.severity for each in findings)
    if common.json:
        print_json({"findings": [asdict(each) for each in findings]})
    else:
        _print(findings, counts)
    has_failed = counts["error"] or (strict and counts["warning"])
    return Exit.INVALID if has_failed else Exit.SUCCESS


def _opening_findings(settings: TokenwardSettings, oldest: timedelta) -> Iterator[Finding]:
    """Open the store and the keys of the settings; nothing is sent anywhere."""
    try:
        settings.to_store()
    except ConfigurationError as exc:
        yield _fault("store_unusable", settings.variable("store_url"), exc)

    if settings.introspection_url is not None:
        try:
            engine_from_settings(settings, store=MemoryStore(single_process=True))
        except ConfigurationError as exc:
            yield _fault("introspection_unusable", settings.variable("introspection_url"), exc)
    if not has_keys(settings):
        return
    try:
        keys = settings.to_keys()
    except ConfigurationError as exc:
        yield _fault("keys_unusable", _key_variable(settings), exc)
        return
    if isinstance(keys, KeyRing):
        yield from _ring_findings(settings, keys)
    if settings.keys_dir is not None:
        yield from _age_findings(settings, settings.keys_dir, oldest)


def _ring_findings(settings: TokenwardSettings, ring: KeyRing) -> Iterator[Finding]:
    variable = _key_variable(settings)
    if ring.active.algorithm.key_type == "oct" and len(settings.audience or ()) > 1:
        yield Finding(
            "secret_shared",
            "warning",
            f"{variable}, {settings.variable('audience')}",
            "Every service of the audience that verifies with the secret can also sign with it.",
            "Use a key pair: tokenward keys generate.",
        )
    if any(_rsa_bits(key) < _RSA_BITS for key in ring if key.algorithm.key_type == "RSA"):
        yield Finding(
            "rsa_short",
            "note",
            variable,
            f"An RSA key is shorter than {_RSA_BITS} bits, which NIST requires after 2030.",
            "Rotate to an Ed25519 or ES256 key, which is also faster.",
        )

    for entry in ring.entries():
        if entry.state == "pending":
            yield Finding(
                "key_pending",
                "note",
                variable,
                "A key is published, but does not sign yet.",
                "Run tokenward keys rotate when all verifiers have fetched it.",
            )
        if entry.state == "verify-only" and entry.verify_until is None and ring.active.can_sign:
            yield Finding(
                "key_without_end",
                "note",
                variable,
                "A key that no longer signs is accepted without an end.",
                "Rotate with --verify-for, or remove the key from the set.",
            )


def _age_findings(
    settings: TokenwardSettings, directory: Path, oldest: timedelta
) -> Iterator[Finding]:
    written_at = KeyDirectory(directory).signing_key_written_at()
    if written_at is not None and moment(None) - written_at > oldest.total_seconds():
        yield Finding(
            "key_old",
            "warning",
            settings.variable("keys_dir"),
            f"The signing key is older than {duration_text(oldest)}.",
            "Run tokenward keys generate, and tokenward keys rotate when all verifiers have fetched it.",
        )


def _rsa_bits(key: Key) -> int:
    modulus = str(key.public_jwk()["n"])
    return len(urlsafe_b64decode(f"{modulus}==")) * 8


def _key_variable(settings: TokenwardSettings) -> str:
    (name,) = [each for each in KEY_SETTINGS if getattr(settings, each) is not None]
    return settings.variable(name)


def _fault(code: str, variable: str, error: ConfigurationError) -> Finding:
    return Finding(code, "error", variable, str(error), "Fix this first: the service cannot start.")


def _print(findings: list[Finding], counts: Counter[Severity]) -> None:
    for each in findings:
        print_line((f"{each.severity:<9}", _STYLES[each.severity]), f"{each.code}  {each.setting}")
        print_line(f"         {each.message} {each.advice}")
    severities: tuple[Severity, ...] = ("error", "warning", "note")
    print_line(", ".join(_counted(counts[each], each) for each in severities), ".")


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
