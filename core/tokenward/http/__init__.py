"""HTTP without a framework: from a request to claims, and from an error to a response.

The adapters use this package; it imports no framework.
"""

from tokenward.http.authenticator import Authenticator
from tokenward.http.carriers import BearerHeader, Carrier, QueryCarrier, WebSocketProtocolCarrier
from tokenward.http.cookies import CookieCarrier, render_cookie
from tokenward.http.csrf import CsrfCheck, check_csrf_token
from tokenward.http.publisher import KeyPublisher, KeysResponse
from tokenward.http.refusal import Refusal
from tokenward.http.request import RequestView
from tokenward.http.requirement import Requirement
from tokenward.http.wiring import claims_in, holds_claims, named_arguments_only

__all__ = [
    "Authenticator",
    "BearerHeader",
    "Carrier",
    "CookieCarrier",
    "CsrfCheck",
    "KeyPublisher",
    "KeysResponse",
    "QueryCarrier",
    "Refusal",
    "RequestView",
    "Requirement",
    "WebSocketProtocolCarrier",
    "check_csrf_token",
    "claims_in",
    "holds_claims",
    "named_arguments_only",
    "render_cookie",
]
