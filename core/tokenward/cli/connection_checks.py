"""The checks of ``tokenward doctor --connect``: whether the store can be used, and what it may lose."""

import warnings
from collections.abc import Sequence

from tokenward.cli.settings_checks import Finding
from tokenward.errors import ConfigurationError, StoreUnavailableError
from tokenward.settings import TokenwardSettings

__all__ = ["findings_of_connection"]


async def findings_of_connection(settings: TokenwardSettings) -> Sequence[Finding]:
    """Ask the store of valid settings whether it can be used, and whether it may lose records."""
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
