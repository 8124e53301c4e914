"""Keys, signatures and the compact form (RFC 7515, RFC 7517, RFC 7518), without any claims.

This package exports nothing: `tokenward.keys` exports `Key` and `Signer`.
"""
