"""An engine configured by its environment alone. Needs ``tokenward[settings]``."""

from tokenward.settings.model import (
    KEY_SETTINGS,
    POLICY_SETTINGS,
    TokenwardSettings,
    engine_from_settings,
)

__all__ = ["KEY_SETTINGS", "POLICY_SETTINGS", "TokenwardSettings", "engine_from_settings"]
