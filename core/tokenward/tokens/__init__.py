"""What goes into a token and what is required of one.

Grants, writing, reading and validation.
"""

from tokenward.tokens.grant import TokenPair

__all__ = ["TokenPair"]
