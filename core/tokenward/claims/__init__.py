"""The claims of a token as a frozen Pydantic model that users subclass.

Internal modules fix how registered claims are read, whatever a subclass says.
"""

from tokenward.claims.model import RESERVED_CLAIMS, Claims, TokenType

__all__ = ["RESERVED_CLAIMS", "Claims", "TokenType"]
