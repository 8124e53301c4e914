"""An engine that is configured by settings."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from tokenward._arguments import refuse
from tokenward.claims.model import Claims
from tokenward.engine.token_engine import TokenEngine
from tokenward.settings.introspection import introspected_tokens
from tokenward.settings.model import TokenwardSettings
from tokenward.stores.protocol import RevocationStore

if TYPE_CHECKING:
    from tokenward.engine.session_list import SessionList

__all__ = ["engine_from_settings"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


@overload
def engine_from_settings(
    settings: TokenwardSettings | None = ...,
    *,
    store: RevocationStore | None = ...,
    clock: Callable[[], float] | None = ...,
    session_list: "SessionList | None" = ...,
) -> TokenEngine[Claims]: ...
@overload
def engine_from_settings(
    settings: TokenwardSettings | None = ...,
    *,
    claims_model: type[ClaimsT],
    store: RevocationStore | None = ...,
    clock: Callable[[], float] | None = ...,
    session_list: "SessionList | None" = ...,
) -> TokenEngine[ClaimsT]: ...
def engine_from_settings(
    settings: TokenwardSettings | None = None,
    *,
    claims_model: type[ClaimsT] = Claims,  # type: ignore[assignment] # the overloads tell
    store: RevocationStore | None = None,
    clock: Callable[[], float] | None = None,
    session_list: "SessionList | None" = None,
) -> TokenEngine[ClaimsT]:
    """Return an engine that is configured by settings.

    Args:
        settings: by default those of the environment.
        claims_model: see `TokenEngine`.
        store: your own store, used instead of the one in the settings.
        clock: see `TokenEngine`.
        session_list: see `TokenEngine`.

    Returns:
        The engine: `IntrospectedTokens` with `introspection_url`. Nothing is sent anywhere yet. `TokenEngine.running` closes the store and the keys.

    Raises:
        ConfigurationError: a setting is unknown, empty, invalid or contradicts another; there are
            no keys, or they are unusable. The message names the variables, and no value.
    """
    chosen = TokenwardSettings() if settings is None else settings
    options: dict[str, Any] = {} if clock is None else {"clock": clock}
    used_store = chosen.to_store() if store is None else store
    if chosen.introspection_url is not None:
        if session_list is not None:
            refuse("session_list is for an engine that issues tokens: omit it, or set keys.")
        return introspected_tokens(
            chosen,
            chosen.introspection_url,
            claims_model=claims_model,
            store=used_store,
            clock=clock,
        )
    return TokenEngine(
        chosen.to_keys(),
        policy=chosen.to_policy(),
        claims_model=claims_model,
        store=used_store,
        session_list=session_list,
        **options,
    )
