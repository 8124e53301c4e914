"""Writing, reading and validating the claims of a token.

Also the inspection of a token without verifying it.
"""

from tokenward.tokens.inspection import UnverifiedToken, list_faults, read_unverified
from tokenward.tokens.pair import TokenPair

__all__ = ["TokenPair", "UnverifiedToken", "list_faults", "read_unverified"]
