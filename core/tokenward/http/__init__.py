"""HTTP without a framework: turns requests into claims, and errors into responses.

The adapters build on this package.
"""

from tokenward.http.asgi import send_refusal
from tokenward.http.authenticator import Authenticator
from tokenward.http.carriers import BearerHeader, Carrier, QueryCarrier, WebSocketProtocolCarrier
from tokenward.http.claims_annotations import claims_models_in, contains_claims_model
from tokenward.http.cookies import CookieCarrier, render_cookie
from tokenward.http.csrf import CsrfCheck, check_csrf_token
from tokenward.http.misuse import keyword_arguments_only
from tokenward.http.proxy_carriers import HeaderCarrier, ProxyCookieCarrier
from tokenward.http.publisher import KeyPublisher, KeysResponse
from tokenward.http.refusal import Refusal
from tokenward.http.request import RequestView
from tokenward.http.requirement import Requirement, scope_alternatives
from tokenward.http.token_auth import BaseTokenAuth

__all__ = [
    "Authenticator",
    "BaseTokenAuth",
    "BearerHeader",
    "Carrier",
    "CookieCarrier",
    "CsrfCheck",
    "HeaderCarrier",
    "KeyPublisher",
    "KeysResponse",
    "ProxyCookieCarrier",
    "QueryCarrier",
    "Refusal",
    "RequestView",
    "Requirement",
    "WebSocketProtocolCarrier",
    "check_csrf_token",
    "claims_models_in",
    "contains_claims_model",
    "keyword_arguments_only",
    "render_cookie",
    "scope_alternatives",
    "send_refusal",
]
