"""Tokens that only their issuer can read: it is asked about each (RFC 7662). Needs ``tokenward[jwks]``."""

from tokenward.engine.introspection.answers import SignedAnswers
from tokenward.engine.introspection.introspected_tokens import IntrospectedTokens
from tokenward.engine.introspection.options import IntrospectionOptions

__all__ = ["IntrospectedTokens", "IntrospectionOptions", "SignedAnswers"]
