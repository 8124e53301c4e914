"""What goes into a token and what is required of one.

Grants, writing, reading and validation; and the inspection of a token without verifying it.
"""

from tokenward.tokens.inspection import UnverifiedToken, list_faults, read_unverified
from tokenward.tokens.pair import TokenPair

__all__ = ["TokenPair", "UnverifiedToken", "list_faults", "read_unverified"]
