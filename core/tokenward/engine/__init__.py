"""The engine, which joins keys, tokens and sessions.

`Issuers` combines the engines of several issuers; both are a `TokenVerifier`.
"""

from tokenward.engine.issuers import Issuers
from tokenward.engine.token_engine import TokenEngine
from tokenward.engine.verifier import TokenVerifier
from tokenward.jose.signature_cache import SignatureCacheUse

__all__ = ["Issuers", "SignatureCacheUse", "TokenEngine", "TokenVerifier"]
