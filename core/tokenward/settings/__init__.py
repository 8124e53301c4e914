"""An engine that is configured by its environment alone. Needs ``tokenward[settings]``.

::

    TOKENWARD_KEYS_DIR=/etc/shop/keys
    TOKENWARD_ISSUER=https://shop.example
    TOKENWARD_AUDIENCE=shop-api
    TOKENWARD_STORE_URL=redis://redis:6379/0

    engine = engine_from_settings(claims_model=ShopClaims)
"""

from tokenward.settings.durations import duration_text, parse_duration, parse_lifetime
from tokenward.settings.engine import engine_from_settings
from tokenward.settings.model import KEY_SETTINGS, POLICY_SETTINGS, TokenwardSettings
from tokenward.settings.store_urls import StoreKind, store_kind

__all__ = [
    "KEY_SETTINGS",
    "POLICY_SETTINGS",
    "StoreKind",
    "TokenwardSettings",
    "duration_text",
    "engine_from_settings",
    "parse_duration",
    "parse_lifetime",
    "store_kind",
]
