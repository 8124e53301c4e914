"""Profiles of access tokens that a specification defines, and what they demand of a policy."""

from collections.abc import Collection
from typing import Final, Literal, TypeAlias

from tokenward._arguments import refuse

__all__ = ["Profile", "claims_of_profile"]

Profile: TypeAlias = Literal["rfc9068"]
"""The values of `TokenPolicy.profile`."""

# RFC 9068 §2.2; `MemberRules` requires client_id, because refresh tokens may lack it.
_OF_RFC_9068: Final = frozenset({"iss", "exp", "aud", "sub", "iat", "jti"})


def claims_of_profile(
    profile: object,
    required: Collection[str],
    *,
    type_source: str,
    names_both: bool,
) -> frozenset[str]:
    """Return the required claims of a policy that has a profile.

    Args:
        profile: the profile.
        required: the claims that the policy requires without it.
        type_source: that of the policy. If it is the header, no ``type`` claim is required.
        names_both: whether the policy has an issuer and an audience.

    Raises:
        ConfigurationError: the profile is unknown, or the policy contradicts it.
    """
    if profile != "rfc9068":
        refuse("profile must be 'rfc9068' or None.")
    if not names_both:
        refuse("profile='rfc9068' needs an issuer and an audience, which its tokens must name.")
    if type_source == "always-access":
        refuse("profile='rfc9068' needs a type_source that is 'typ' or, to issue tokens, 'claim'.")
    unneeded = {"type"} if type_source == "typ" else set[str]()
    return (frozenset(required) - unneeded) | _OF_RFC_9068
