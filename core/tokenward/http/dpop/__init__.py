"""Tokens that are bound to a key of the client: DPoP (RFC 9449)."""

from tokenward.http.dpop.nonces import DpopNonces
from tokenward.http.dpop.verifier import DpopVerifier, ReplayOutage

__all__ = ["DpopNonces", "DpopVerifier", "ReplayOutage"]
