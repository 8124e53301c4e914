"""The engine: the only place that joins keys, tokens and sessions.

`Issuers` puts several engines behind one face.
"""

from tokenward.engine.issuers import Issuers
from tokenward.engine.token_engine import TokenEngine
from tokenward.engine.verifier import TokenVerifier
from tokenward.jose.signature_cache import SignatureCacheUse

__all__ = ["Issuers", "SignatureCacheUse", "TokenEngine", "TokenVerifier"]
