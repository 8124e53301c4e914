"""The claims of a token as a frozen Pydantic model that users subclass.

The other modules make sure that every subclass reads registered claims in the same way.
"""

from tokenward.claims.model import RESERVED_CLAIMS, Claims, TokenType

__all__ = ["RESERVED_CLAIMS", "Claims", "TokenType"]
