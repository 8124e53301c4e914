"""An identity provider ends the sessions of its users: OpenID Connect Back-Channel Logout 1.0 and CAEP 1.0.

Serve the endpoints with `add_endpoint` of the adapter.
"""

from tokenward.http.logout.endpoint import LogoutEndpoint
from tokenward.http.logout.event_endpoint import SecurityEventEndpoint
from tokenward.http.logout.rules import LogoutRules, SecurityEventRules
from tokenward.http.logout.tokens import LogoutToken

__all__ = [
    "LogoutEndpoint",
    "LogoutRules",
    "LogoutToken",
    "SecurityEventEndpoint",
    "SecurityEventRules",
]
