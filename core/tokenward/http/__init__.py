"""HTTP without a framework: turns requests into claims, and errors into responses.

The adapters build on this package.
"""

from tokenward._arguments import check_callable
from tokenward.http.asgi import send_refusal
from tokenward.http.authenticated_user import AuthenticatedUser
from tokenward.http.authenticator import Authenticator
from tokenward.http.carriers import BearerHeader, Carrier, QueryCarrier, WebSocketProtocolCarrier
from tokenward.http.claims_annotations import claims_models_in, contains_claims_model
from tokenward.http.connection_lifetime import stream_while_valid
from tokenward.http.cookies import CookieCarrier, render_cookie
from tokenward.http.csrf import CsrfCheck, check_csrf_token
from tokenward.http.documents import DocumentPublisher, DocumentResponse
from tokenward.http.dpop_header import DpopHeader
from tokenward.http.key_binding import CertificateSource, CheckedProof, DpopChecks, is_bound
from tokenward.http.middleware import TokenMiddleware
from tokenward.http.misuse import keyword_arguments_only
from tokenward.http.openapi import (
    REFUSAL_BODY,
    DocumentedGuard,
    SecuritySchemes,
    add_parameters,
    header_parameters,
    refusal_responses,
    security_of,
)
from tokenward.http.proxy_carriers import HeaderCarrier, ProxyCookieCarrier
from tokenward.http.publisher import KeyPublisher
from tokenward.http.refusal import Refusal, RefusalBody
from tokenward.http.request import RequestView
from tokenward.http.requirement import KeyBinding, Requirement
from tokenward.http.resource_metadata import BearerMethod, ResourceMetadata
from tokenward.http.token_auth import BaseTokenAuth
from tokenward.http.token_endpoint import (
    FormEndpoint,
    TokenEndpoint,
    TokenResponse,
)

__all__ = [
    "REFUSAL_BODY",
    "AuthenticatedUser",
    "Authenticator",
    "BaseTokenAuth",
    "BearerHeader",
    "BearerMethod",
    "Carrier",
    "CertificateSource",
    "CheckedProof",
    "CookieCarrier",
    "CsrfCheck",
    "DocumentPublisher",
    "DocumentResponse",
    "DocumentedGuard",
    "DpopChecks",
    "DpopHeader",
    "FormEndpoint",
    "HeaderCarrier",
    "KeyBinding",
    "KeyPublisher",
    "ProxyCookieCarrier",
    "QueryCarrier",
    "Refusal",
    "RefusalBody",
    "RequestView",
    "Requirement",
    "ResourceMetadata",
    "SecuritySchemes",
    "TokenEndpoint",
    "TokenMiddleware",
    "TokenResponse",
    "WebSocketProtocolCarrier",
    "add_parameters",
    "check_callable",
    "check_csrf_token",
    "claims_models_in",
    "contains_claims_model",
    "header_parameters",
    "is_bound",
    "keyword_arguments_only",
    "refusal_responses",
    "render_cookie",
    "security_of",
    "send_refusal",
    "stream_while_valid",
]
