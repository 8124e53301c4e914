"""A grant: everything that decides the content of a token, checked."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from pydantic import JsonValue

from tokenward._arguments import checked_names, kind_of
from tokenward.claims.acr import check_acr
from tokenward.claims.actor import Actor
from tokenward.policy import TokenPolicy
from tokenward.tokens.arguments import check_mapping, checked_scope
from tokenward.tokens.identity import check_identity
from tokenward.tokens.proven_key import ProvenKey, confirmation_of

__all__ = ["Grant", "new_grant", "session_end"]


class Grant(NamedTuple):
    """Everything that decides the content of a token, except its type, identity and lifetime."""

    subject: str
    claims: Mapping[str, object]
    """The caller's claims."""
    scope: str
    """The scopes, separated by spaces (RFC 6749 §3.3)."""
    fresh: bool
    audience: str | Collection[str] | None
    """The audience in place of the policy's."""
    headers: Mapping[str, JsonValue] | None
    """Further members of the JOSE header."""
    registered: Mapping[str, object]
    """Registered claims that only some tokens have: ``acr``, ``act``, ``auth_time``, ``cnf`` and
    ``csrf``."""
    session: str | None = None
    """The ``sid``; None: the token belongs to no session."""
    session_end: float | None = None
    """When the session ends; no token of it has a later ``exp``."""

    @property
    def actor(self) -> Actor | None:
        """Who acts for the subject."""
        members = self.registered.get("act")
        return None if members is None else Actor.model_validate(members)

    @property
    def is_bound_to_dpop(self) -> bool:
        """Whether the tokens are bound to a DPoP key."""
        cnf = self.registered.get("cnf")
        return isinstance(cnf, dict) and "jkt" in cnf


def new_grant(  # noqa: PLR0913 - what `issue` takes
    subject: str,
    *,
    claims: Mapping[str, object] | None,
    scopes: Collection[str],
    fresh: bool,
    audience: str | Collection[str] | None,
    headers: Mapping[str, JsonValue] | None,
    bound_to: ProvenKey | None,
    acr: str | None,
    actor: Actor | None,
    now_ms: int,
) -> Grant:
    """Check the arguments of `issue` and `issue_pair`.

    Raises:
        ConfigurationError, TypeError: an argument cannot be used.
    """
    check_identity(subject, "subject")
    if not isinstance(fresh, bool):
        msg = "fresh must be True or False."
        raise TypeError(msg)
    # Comparing types is several times faster than asking the abstract class.
    if type(claims) is not dict:
        check_mapping(claims, "claims")
    if headers is not None:
        check_mapping(headers, "headers")
    if audience is not None:
        checked_names(audience, "audience")

    registered: dict[str, object] = {"auth_time": now_ms // 1000} if fresh else {}
    if acr is not None:
        check_acr(acr)
        registered["acr"] = acr
    if actor is not None:
        registered["act"] = _members_of(actor)
    if bound_to is not None:
        registered["cnf"] = confirmation_of(bound_to)
    return Grant(
        subject,
        {} if claims is None else claims,
        checked_scope(scopes) if scopes else "",
        fresh,
        audience,
        headers,
        registered,
    )


def _members_of(actor: object) -> dict[str, object]:
    if not isinstance(actor, Actor):
        msg = f"actor must be an Actor, not {kind_of(actor)}: pass Actor(sub='orders-api')."
        raise TypeError(msg)
    return actor.members()


def session_end(policy: TokenPolicy, began_at: float) -> int | None:
    """Return when a session that began at a time ends, in whole seconds; None: it has no end."""
    lasts = policy.session_lifetime
    return None if lasts is None else int(began_at + lasts.total_seconds())
