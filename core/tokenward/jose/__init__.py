"""Keys, signatures and the compact form (RFC 7515, RFC 7517, RFC 7518); knows no claims.

Nothing is public here: `tokenward.keys` exports `Key` and `Signer`.
"""
