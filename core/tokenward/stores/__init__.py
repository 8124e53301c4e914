"""Where revocations are kept: each module one store behind `tokenward.revocation.RevocationStore`."""
