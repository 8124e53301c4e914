"""The checks of ``tokenward doctor`` on valid settings: what is unsafe, and what has no effect."""

import os
import re
import shlex
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

from tokenward.policy import ALWAYS_REQUIRED, NEVER, Lifetime
from tokenward.settings import KEY_SETTINGS, TokenwardSettings, duration_text, store_kind

__all__ = ["Finding", "Severity", "findings_of_settings"]

Severity: TypeAlias = Literal["error", "warning", "note"]

# Not only letters and digits, as every word and every hexadecimal number has them.
_BASE64: Final = re.compile(
    r"(?=.*[+/=])(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
)
_LEEWAY: Final = timedelta(minutes=1)
_GRACE: Final = timedelta(seconds=10)
# Above the first duration: a warning; above the second: an error.
_ACCESS: Final = (timedelta(hours=1), timedelta(days=1))
_REFRESH: Final = (timedelta(days=90), timedelta(days=400))
_NEED_A_STORE: Final = ("refresh_lifetime", "session_lifetime", "reuse_grace", "store_outage")
_FOR_ISSUING: Final = (
    "access_lifetime", "refresh_lifetime", "session_lifetime", "reuse_grace", "extra_registered_claims",
)  # fmt: skip
_ONLY_VERIFY: Final = ("jwks_url", "oidc_issuer", "introspection_url")


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a configuration, and how to fix it."""

    code: str
    """A stable name, for programs."""
    severity: Severity
    setting: str
    """The variables that are concerned."""
    message: str
    advice: str


_Check: TypeAlias = Callable[[TokenwardSettings], Iterator[Finding]]


def findings_of_settings(settings: TokenwardSettings) -> list[Finding]:
    """Return everything that can be found without opening keys or a store."""
    checks: tuple[_Check, ...] = (
        _check_key_sources, _check_transport, _check_names, _check_lifetimes, _check_claims,
        _check_outages, _check_store, _check_files, _check_unused,
    )  # fmt: skip
    return [finding for check in checks for finding in check(settings)]


def _check_key_sources(settings: TokenwardSettings) -> Iterator[Finding]:
    sources = (*KEY_SETTINGS, "introspection_url")
    if all(getattr(settings, name) is None for name in sources):
        yield Finding(
            "keys_absent",
            "error",
            settings.variable("keys_dir"),
            "No keys are configured.",
            f"Set one of {', '.join(map(settings.variable, sources))}.",
        )
    for name in ("secret", "introspection_client_secret"):
        if getattr(settings, name) is not None:
            yield Finding(
                "secret_in_environment",
                "note",
                settings.variable(name),
                "Every process that the service starts inherits the secret.",
                f"Store it in a file, and set {settings.variable(f'{name}_file')} to its path.",
            )
    if settings.secret is not None:
        text = settings.secret.get_secret_value()
        if settings.secret_encoding is None and _BASE64.fullmatch(text):
            yield Finding(
                "secret_may_be_encoded",
                "note",
                settings.variable("secret"),
                "The secret looks like base64, and is used without decoding it.",
                f"Set {settings.variable('secret_encoding')}=base64 if the issuer decodes it.",
            )


def _check_transport(settings: TokenwardSettings) -> Iterator[Finding]:
    if settings.plain_http_hosts:
        yield Finding(
            "keys_in_clear",
            "warning",
            settings.variable("plain_http_hosts"),
            "Who can change the traffic to these hosts, or their addresses, can forge tokens.",
            "Use https, or a network that encrypts by itself.",
        )


def _check_names(settings: TokenwardSettings) -> Iterator[Finding]:
    if settings.issuer is None and settings.oidc_issuer is None:
        yield Finding(
            "issuer_absent",
            "warning",
            settings.variable("issuer"),
            "Tokens of every issuer that has the key are accepted.",
            "Set the issuer.",
        )
    if settings.audience is None:
        yield Finding(
            "audience_absent",
            "warning",
            settings.variable("audience"),
            "Tokens name no service, so a token that is stolen here is also valid elsewhere.",
            "Set the name of this service.",
        )


def _check_lifetimes(settings: TokenwardSettings) -> Iterator[Finding]:
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
            _stolen_text(lifetime),
            f"Use at most {duration_text(usual)}.",
        )

    if settings.leeway > _LEEWAY:
        yield Finding(
            "leeway_long",
            "warning",
            settings.variable("leeway"),
            f"Tokens are accepted until {duration_text(settings.leeway)} after they expire.",
            "Synchronize the clocks of the machines, and use at most a minute.",
        )


def _stolen_text(lifetime: Lifetime) -> str:
    if lifetime is NEVER:
        return "A stolen token never expires."
    return f"A stolen token is valid for {duration_text(lifetime)}."


def _check_claims(settings: TokenwardSettings) -> Iterator[Finding]:
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
            "A token without 'jti' cannot be revoked individually.",
            "Require 'jti', or revoke sessions and subjects.",
        )
    if settings.type_source == "always-access" and settings.access_token_claims is None:
        yield Finding(
            "type_not_checked",
            "warning",
            settings.variable("type_source"),
            "Every token that the key has signed counts as an access token, for example an ID token.",
            "Use 'typ' if the issuer follows RFC 9068, or set "
            f"{settings.variable('access_token_claims')}.",
        )


def _check_outages(settings: TokenwardSettings) -> Iterator[Finding]:
    if settings.store_outage == "accept":
        yield Finding(
            "store_outage_accept",
            "warning",
            settings.variable("store_outage"),
            "While the store does not answer, revoked tokens are accepted.",
            "Use 'refuse', unless availability is more important.",
        )
    if settings.reuse_grace > _GRACE:
        yield Finding(
            "reuse_grace_long",
            "note",
            settings.variable("reuse_grace"),
            f"For {duration_text(settings.reuse_grace)} after its use, the reuse of a stolen refresh "
            "token is not detected.",
            f"Use at most {duration_text(_GRACE)}.",
        )


def _check_store(settings: TokenwardSettings) -> Iterator[Finding]:
    variable = settings.variable("store_url")
    if settings.store_url is None:
        yield Finding(
            "store_absent",
            "warning",
            variable,
            "Tokens can be neither revoked nor refreshed.",
            "Set a store if this service needs either.",
        )
        return
    url = settings.store_url.get_secret_value()
    if store_kind(url) == "memory":
        yield Finding(
            "store_in_memory",
            "warning",
            variable,
            "Revocations are lost when the process ends, and no other process sees them.",
            "Use Redis, PostgreSQL or an SQLite file.",
        )
    if _is_remote_in_clear(url):
        yield Finding(
            "store_in_clear",
            "warning",
            variable,
            "The store is on another machine, and the connection is not encrypted.",
            "Use rediss:// (rediss+sentinel://, rediss+cluster://), or add ssl=require (asyncpg), "
            "sslmode=require (psycopg) or ssl_ca=file (asyncmy).",
        )


def _is_remote_in_clear(url: str) -> bool:
    """Whether the traffic to a store crosses a network unencrypted.

    A URL that `urlsplit` cannot parse counts as remote, because some databases accept such URLs.
    """
    try:
        parts = urlsplit(url)
        nodes = parts.netloc.rpartition("@")[2].split(",")
        is_local = all(_is_local(urlsplit(f"//{node}").hostname) for node in nodes)
    except ValueError:
        return True

    if parts.scheme in {"redis", "redis+cluster", "redis+sentinel"}:
        return not is_local
    if is_local:
        return False
    if parts.scheme.endswith("+asyncmy"):
        return "ssl_ca" not in parse_qs(parts.query)
    if not parts.scheme.startswith("postgresql+"):
        return False
    # asyncpg reads ssl, psycopg reads sslmode; "prefer" accepts a connection in clear.
    modes = parse_qs(parts.query)
    given = modes.get("sslmode") or modes.get("ssl") or ["prefer"]
    return given[-1] in {"disable", "allow", "prefer"}


def _is_local(host: str | None) -> bool:
    return host is None or host in {"localhost", "::1"} or host.startswith("127.")


def _check_files(settings: TokenwardSettings) -> Iterator[Finding]:
    for name in ("secret_file", "pem_file", "jwks_file", "keys_dir"):
        path: Path | None = getattr(settings, name)
        if path is None or os.name != "posix" or not path.exists():
            continue
        # Opening the file checks who can read it; who can write to it can replace the key.
        if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield Finding(
                "file_open_to_others",
                "error",
                settings.variable(name),
                "Other users than the owner can replace the key.",
                f"chmod go-w {shlex.quote(str(path))}, and replace the key.",
            )


def _check_unused(settings: TokenwardSettings) -> Iterator[Finding]:
    is_verifier = any(getattr(settings, name) is not None for name in _ONLY_VERIFY)
    reasons: dict[str, str] = {}
    if settings.store_url is None:
        reasons |= dict.fromkeys(
            _NEED_A_STORE, "without a store no token can be refreshed or revoked"
        )
    if is_verifier:
        reasons |= dict.fromkeys(_FOR_ISSUING, "tokens of another issuer are only verified")
    for name in sorted(settings.model_fields_set & reasons.keys()):
        yield Finding(
            "setting_unused",
            "warning",
            settings.variable(name),
            f"The setting has no effect: {reasons[name]}.",
            "Remove it.",
        )
