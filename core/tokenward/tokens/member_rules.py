"""Rules of a policy about claims by their names in a token, whatever a claims model makes of them."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from tokenward.claims.rules import ClaimRules
from tokenward.errors import (
    InvalidAudienceError,
    InvalidClaimError,
    MissingClaimError,
    WrongTokenTypeError,
)
from tokenward.policy import TokenPolicy

__all__ = ["MemberRules"]

# OpenID Connect Core §2, §3.1.3.6 and §3.3.2.11: claims of ID tokens.
_OF_ID_TOKENS: Final = frozenset({"nonce", "at_hash", "c_hash"})


class MemberRules:
    """`audience_claim`, `access_token_claims`, `accept_id_tokens` and `profile` of one policy."""

    def __init__(self, policy: TokenPolicy) -> None:
        """Prepare what is the same for all tokens.

        Args:
            policy: the rules.
        """
        self._audiences = policy.audiences
        self._audience_claim = policy.audience_claim
        self._is_typed = policy.type_source == "claim"
        # Other sources demand a header or a claim that a security event token does not have.
        self._refuses_events = policy.type_source == "always-access"
        self._refuses_id_tokens = not self._is_typed and not policy.accept_id_tokens
        self._needs_client_id = policy.profile is not None
        rules = policy.access_token_claims
        self._access_rules = rules if isinstance(rules, ClaimRules) else None
        self.are_needed: bool = (
            self._refuses_id_tokens
            or self._refuses_events
            or self._access_rules is not None
            or policy.audience_claim != "aud"
            or self._needs_client_id
        )
        """False if there is nothing to check, so that own tokens do not pay for it."""

    def check(self, kind: str, members: Mapping[str, JsonValue]) -> None:
        """Check the members of a payload.

        Args:
            kind: its ``type`` claim; empty if it has none.
            members: the claims, by their names in the token.

        Raises:
            MissingClaimError, InvalidClaimError: the claim of the audience, or the ``client_id`` that
                a profile requires, is absent, or not text.
            InvalidAudienceError: it names others.
            WrongTokenTypeError: it is an ID token or a logout token, or lacks the claims of an access token.
        """
        self.check_audience_claim(members)
        self.check_access_claims(kind, members)

    def check_access_claims(self, kind: str, members: Mapping[str, JsonValue]) -> None:
        """Refuse an ID token, and a token without the claims of an access token; see `check`.

        A token with ``events`` is a security event token (RFC 8417 §2.2), such as a logout token.
        """
        if self._is_typed and kind != "access":
            return
        if self._refuses_events and isinstance(members.get("events"), dict):
            raise WrongTokenTypeError
        if self._refuses_id_tokens and not _OF_ID_TOKENS.isdisjoint(members):
            raise WrongTokenTypeError
        if self._access_rules is not None and not self._access_rules.are_met(members):
            raise WrongTokenTypeError
        if self._needs_client_id:
            client = members.get("client_id")
            if client in (None, ""):
                raise MissingClaimError(claim="client_id")
            if not isinstance(client, str):
                raise InvalidClaimError(claim="client_id")

    def check_audience_claim(self, members: Mapping[str, JsonValue]) -> None:
        """Refuse a token whose claim of the audience, if it is not ``aud``, names others."""
        if self._audience_claim == "aud":
            return
        named = members.get(self._audience_claim)
        if named in (None, "", []):
            raise MissingClaimError(self._audience_claim)
        names = named if isinstance(named, list) else [named]
        if not all(isinstance(name, str) for name in names):
            raise InvalidClaimError(self._audience_claim)
        if self._audiences.isdisjoint(names):
            raise InvalidAudienceError
