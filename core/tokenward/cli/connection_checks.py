"""The checks of ``tokenward doctor --connect``: whether store, keys and endpoint can be used."""

import logging
import secrets
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from tokenward.cli.clock import moment
from tokenward.cli.settings_checks import Finding
from tokenward.errors import (
    ConfigurationError,
    KeysUnavailableError,
    StoreUnavailableError,
    TokenError,
    TokenRevokedError,
)
from tokenward.settings import TokenwardSettings, engine_from_settings
from tokenward.stores import MemoryStore

__all__ = ["findings_of_connection"]

_NO_TOKENS = "Until then, every token is refused with 503."


async def findings_of_connection(
    settings: TokenwardSettings, unusable: Collection[str]
) -> Sequence[Finding]:
    """Ask everything that the settings name whether it can be used.

    Args:
        settings: valid settings.
        unusable: the codes of the findings about what cannot even be opened, which is not asked.
    """
    found: list[Finding] = []
    if "store_unusable" not in unusable:
        found += await _findings_of_store(settings)
    if "keys_unusable" not in unusable:
        found += await _findings_of_keys(settings)
    if "introspection_unusable" not in unusable:
        found += await _findings_of_endpoint(settings)
    return found


async def _findings_of_store(settings: TokenwardSettings) -> Sequence[Finding]:
    """Ask the store also whether it may lose records."""
    store, variable = settings.to_store(), settings.variable("store_url")
    if store is None:
        return []

    found: list[Finding] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with store:
            try:
                await store.ping()
            except ConfigurationError as exc:
                advice = "Fix this first: the service cannot use the store."
                found.append(Finding("store_unusable", "error", variable, str(exc), advice))
            except StoreUnavailableError as exc:
                advice = "Until then, requests that need the store are refused with 503."
                found.append(Finding("store_unavailable", "error", variable, str(exc), advice))
    return found + [
        Finding("store_unsafe", "warning", variable, str(each.message), "See Redis and Valkey.")
        for each in warned
    ]


async def _findings_of_keys(settings: TokenwardSettings) -> Sequence[Finding]:
    """Fetch the keys of another issuer."""
    names = [each for each in ("jwks_url", "oidc_issuer") if getattr(settings, each) is not None]
    if not names:
        return []

    with _reasons() as reasons:
        try:
            await settings.to_keys().prepare(moment(None))
        except KeysUnavailableError:
            variable = settings.variable(names[0])
            return [Finding("keys_unavailable", "error", variable, " ".join(reasons), _NO_TOKENS)]
    return []


async def _findings_of_endpoint(settings: TokenwardSettings) -> Sequence[Finding]:
    """Ask the introspection endpoint about a random text, which must not be an active token."""
    if settings.introspection_url is None:
        return []

    variable = settings.variable("introspection_url")
    engine = engine_from_settings(settings, store=MemoryStore(single_process=True))
    with _reasons() as reasons:
        try:
            await engine.decode(secrets.token_urlsafe(32))
        except TokenRevokedError:
            return []
        except StoreUnavailableError:
            reason = " ".join(reasons)
            return [Finding("introspection_unavailable", "error", variable, reason, _NO_TOKENS)]
        except TokenError:
            pass  # active, and refused for another reason
    message = "The endpoint calls a random text an active token."
    advice = "Do not use it: every client could write a token."
    return [Finding("introspection_accepts_any", "error", variable, message, advice)]


class _Reasons(logging.Handler):
    """Collects the reasons of outages, which errors do not contain."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__()
        self._reasons = reasons

    def emit(self, record: logging.LogRecord) -> None:
        """Add the argument of a message."""
        self._reasons += map(str, record.args or ())


@contextmanager
def _reasons() -> Iterator[list[str]]:
    """Yield the reasons of the outages that are logged during a block, and do not print them."""
    logger, reasons = logging.getLogger("tokenward"), list[str]()
    handler, was_propagated = _Reasons(reasons), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield reasons
    finally:
        logger.removeHandler(handler)
        logger.propagate = was_propagated
