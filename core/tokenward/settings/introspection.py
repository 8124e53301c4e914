"""The engine for tokens about which an introspection endpoint is asked."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from tokenward.claims.model import Claims
from tokenward.jose.without_context import raise_without_context
from tokenward.keys.files import file_fault, read_key_file
from tokenward.stores.protocol import RevocationStore

if TYPE_CHECKING:
    from tokenward.engine.introspection import IntrospectedTokens
    from tokenward.settings.model import TokenwardSettings

__all__ = ["introspected_tokens"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


def introspected_tokens(
    settings: "TokenwardSettings",
    url: str,
    *,
    claims_model: type[ClaimsT],
    store: RevocationStore | None,
    clock: Callable[[], float] | None,
) -> "IntrospectedTokens[ClaimsT]":
    """Return the engine; nothing is asked yet.

    Args:
        settings: the settings of the endpoint and the policy.
        url: the endpoint.
        claims_model: see `IntrospectedTokens`.
        store: see `IntrospectedTokens`.
        clock: see `IntrospectedTokens`.

    Raises:
        ConfigurationError: the URL or the file with the secret is unusable, or httpx is not installed.
    """
    from tokenward.engine.introspection import IntrospectedTokens

    times: dict[str, timedelta | None] = {
        "timeout": settings.introspection_timeout,
        "active_for": settings.introspection_active_for,
        "inactive_for": settings.introspection_inactive_for,
    }
    options: dict[str, Any] = {name: time for name, time in times.items() if time is not None}
    return IntrospectedTokens(
        url,
        policy=settings.to_policy(),
        claims_model=claims_model,
        store=store,
        clock=clock,
        client_id=settings.introspection_client_id,
        client_secret=_secret_of(settings),
        plain_http_hosts=settings.plain_http_hosts,
        **options,
    )


def _secret_of(settings: "TokenwardSettings") -> str | None:
    """Return the secret; one in a file without the line break that editors append."""
    secret, path = settings.introspection_client_secret, settings.introspection_client_secret_file
    if path is None:
        return None if secret is None else secret.get_secret_value()
    content = read_key_file(path, is_secret=True).content.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return content.decode()
    except UnicodeDecodeError:
        # Its error contains the secret.
        raise_without_context(file_fault(path, "is not UTF-8 text"))
