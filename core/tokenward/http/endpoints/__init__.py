"""Endpoints of an issuer for other services: introspection (RFC 7662) and revocation (RFC 7009).

Serve them with `add_endpoint` of the adapter.
"""

from tokenward.http.endpoints.callers import AuthenticateCaller, ClientSecrets
from tokenward.http.endpoints.introspection import IntrospectionEndpoint
from tokenward.http.endpoints.revocation import RevocationEndpoint

__all__ = ["AuthenticateCaller", "ClientSecrets", "IntrospectionEndpoint", "RevocationEndpoint"]
