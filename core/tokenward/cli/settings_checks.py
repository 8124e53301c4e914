"""What can be unsafe, or of no effect, in a configuration that is valid: one small look each."""

import os
import shlex
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from tokenward.policy import ALWAYS_REQUIRED, NEVER, Lifetime
from tokenward.settings import KEY_SETTINGS, TokenwardSettings, duration_text, store_kind

__all__ = ["Finding", "Severity", "findings_of_settings"]

Severity: TypeAlias = Literal["error", "warning", "note"]

_LEEWAY: Final = timedelta(minutes=1)
_GRACE: Final = timedelta(seconds=10)
# Above the first it is worth a warning; above the second it is an error.
_ACCESS: Final = (timedelta(hours=1), timedelta(days=1))
_REFRESH: Final = (timedelta(days=90), timedelta(days=400))
_NEED_A_STORE: Final = ("refresh_lifetime", "session_lifetime", "reuse_grace", "store_outage")
_FOR_ISSUING: Final = (
    "access_lifetime", "refresh_lifetime", "session_lifetime", "reuse_grace", "extra_registered_claims",
)  # fmt: skip
_ONLY_VERIFY: Final = ("jwks_url", "oidc_issuer")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, and what to do about it."""

    code: str
    """A stable name for programs."""
    severity: Severity
    setting: str
    """The variable, or variables, that it is about."""
    message: str
    advice: str


Look: TypeAlias = Callable[[TokenwardSettings], Iterator[Finding]]


def findings_of_settings(settings: TokenwardSettings) -> list[Finding]:
    """Look at everything that can be told without opening a key or a store."""
    looks: tuple[Look, ...] = (
        _about_sources, _about_names, _about_lifetimes, _about_claims, _about_outages,
        _about_the_store, _about_files, _about_unused,
    )  # fmt: skip
    return [finding for look in looks for finding in look(settings)]


def _about_sources(settings: TokenwardSettings) -> Iterator[Finding]:
    if all(getattr(settings, name) is None for name in KEY_SETTINGS):
        yield Finding(
            "keys_absent",
            "error",
            settings.variable("keys_dir"),
            "There are no keys.",
            f"Set one of {', '.join(map(settings.variable, KEY_SETTINGS))}.",
        )
    if settings.secret is not None:
        yield Finding(
            "secret_in_environment",
            "note",
            settings.variable("secret"),
            "Whatever this process starts inherits the secret.",
            f"Keep it in a file, and name that with {settings.variable('secret_file')}.",
        )


def _about_names(settings: TokenwardSettings) -> Iterator[Finding]:
    if settings.issuer is None and settings.oidc_issuer is None:
        yield Finding(
            "issuer_absent",
            "warning",
            settings.variable("issuer"),
            "Tokens of any issuer that has the key are accepted.",
            "Name the issuer.",
        )
    if settings.audience is None:
        yield Finding(
            "audience_absent",
            "warning",
            settings.variable("audience"),
            "Tokens do not say for which service they are: one that is stolen here works elsewhere.",
            "Name this service.",
        )


def _about_lifetimes(settings: TokenwardSettings) -> Iterator[Finding]:
    for name, bounds in (("access_lifetime", _ACCESS), ("refresh_lifetime", _REFRESH)):
        lifetime: Lifetime = getattr(settings, name)
        usual, most = bounds
        if lifetime is NEVER or lifetime > most:
            severity: Severity = "error"
        elif lifetime > usual:
            severity = "warning"
        else:
            continue
        yield Finding(
            f"{name}_long",
            severity,
            settings.variable(name),
            f"A stolen token is good for {duration_text(lifetime)}.",
            f"Use {duration_text(usual)} or less.",
        )
    if settings.leeway > _LEEWAY:
        yield Finding(
            "leeway_long",
            "warning",
            settings.variable("leeway"),
            f"Tokens are accepted {duration_text(settings.leeway)} after their end.",
            "Set the clocks of the machines, and use a minute or less.",
        )


def _about_claims(settings: TokenwardSettings) -> Iterator[Finding]:
    variable = settings.variable("required_claims")
    missing = ALWAYS_REQUIRED - set(settings.required_claims)
    if "exp" in missing:
        yield Finding(
            "exp_not_required",
            "error",
            variable,
            "Tokens that never expire are accepted.",
            "Require 'exp'.",
        )
    if "jti" in missing and settings.store_url is not None:
        yield Finding(
            "jti_not_required",
            "warning",
            variable,
            "A token without 'jti' cannot be revoked by itself.",
            "Require 'jti', or revoke sessions and subjects.",
        )
    if settings.type_source == "always-access":
        yield Finding(
            "type_not_checked",
            "warning",
            settings.variable("type_source"),
            "Whatever the key has signed is taken for an access token, as an ID token.",
            "Use 'typ' if the issuer follows RFC 9068.",
        )


def _about_outages(settings: TokenwardSettings) -> Iterator[Finding]:
    if settings.store_outage == "accept":
        yield Finding(
            "store_outage_accept",
            "warning",
            settings.variable("store_outage"),
            "Whoever can keep the store from answering gets in with a revoked token.",
            "Use 'refuse', unless being up matters more.",
        )
    if settings.reuse_grace > _GRACE:
        yield Finding(
            "reuse_grace_long",
            "note",
            settings.variable("reuse_grace"),
            f"For {duration_text(settings.reuse_grace)} the use of a stolen refresh token is not "
            "detected.",
            f"Use {duration_text(_GRACE)} or less.",
        )


def _about_the_store(settings: TokenwardSettings) -> Iterator[Finding]:
    variable = settings.variable("store_url")
    if settings.store_url is None:
        yield Finding(
            "store_absent",
            "warning",
            variable,
            "Nothing can be revoked, and no token refreshed.",
            "Name a store, if this service needs either.",
        )
        return
    url = settings.store_url.get_secret_value()
    if store_kind(url) == "memory":
        yield Finding(
            "store_in_memory",
            "warning",
            variable,
            "Revocations end with the process, and no other process sees them.",
            "Use Redis, PostgreSQL or an SQLite file.",
        )
    if _is_remote_in_clear(url):
        yield Finding(
            "store_in_clear",
            "warning",
            variable,
            "The store is on another machine, and the way there is not encrypted.",
            "Use rediss://, or ssl=require for PostgreSQL.",
        )


def _is_remote_in_clear(url: str) -> bool:
    """Whether the traffic to a store crosses a network unencrypted.

    A URL that `urlsplit` cannot parse counts as remote, because some databases accept such URLs.
    """
    try:
        parts = urlsplit(url)
        is_local = _is_local(parts.hostname)
    except ValueError:
        return True

    if parts.scheme == "redis":
        return not is_local
    return parts.scheme == "postgresql+asyncpg" and not is_local and "ssl" not in parts.query


def _is_local(host: str | None) -> bool:
    return host is None or host in {"localhost", "::1"} or host.startswith("127.")


def _about_files(settings: TokenwardSettings) -> Iterator[Finding]:
    for name in ("secret_file", "pem_file", "jwks_file", "keys_dir"):
        path: Path | None = getattr(settings, name)
        if path is None or os.name != "posix" or not path.exists():
            continue
        # Whoever may write makes keys of their own. Who may read is checked when it is opened.
        if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield Finding(
                "file_open_to_others",
                "error",
                settings.variable(name),
                "Others than the owner can replace the key.",
                f"chmod go-w {shlex.quote(str(path))}, and replace the key.",
            )


def _about_unused(settings: TokenwardSettings) -> Iterator[Finding]:
    is_verifier = any(getattr(settings, name) is not None for name in _ONLY_VERIFY)
    reasons: dict[str, str] = {}
    if settings.store_url is None:
        reasons |= dict.fromkeys(_NEED_A_STORE, "without a store no token is refreshed or revoked")
    if is_verifier:
        reasons |= dict.fromkeys(_FOR_ISSUING, "keys of somebody else issue nothing")
    for name in sorted(settings.model_fields_set & reasons.keys()):
        yield Finding(
            "setting_unused",
            "warning",
            settings.variable(name),
            f"It is set, and {reasons[name]}.",
            "Leave it out.",
        )
