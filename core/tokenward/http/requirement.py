"""What a route requires of a token, checked once when the route is declared."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, Literal, TypeAlias, TypeVar

from tokenward._arguments import check_predicate
from tokenward.claims.acr import checked_acr_values
from tokenward.claims.actor import ActorRule, checked_actor_rule, is_accepted
from tokenward.claims.login_limits import LoginLimit, add_login_limit
from tokenward.claims.model import Claims, TokenType
from tokenward.claims.rules import check_above_zero
from tokenward.engine.verifier import TokenVerifier
from tokenward.errors import ConfigurationError, InsufficientScopeError, PermissionDeniedError
from tokenward.hooks import maybe_await
from tokenward.http.carriers import Carrier, checked_carriers
from tokenward.http.dpop_header import DPOP_HEADER
from tokenward.tokens.arguments import checked_scope

__all__ = ["KeyBinding", "Requirement"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

KeyBinding: TypeAlias = Literal["allowed", "required"]
"""Whether the token of a request may or must be bound to a key of the client."""


# No slots: with them Requirement[ShopClaims](...) is a TypeError on Python 3.11.
@dataclass(frozen=True, kw_only=True)
class Requirement(Generic[ClaimsT]):
    """What one route requires of a token; `required` and `optional` of the adapters build it.

    Raises:
        ConfigurationError, TypeError: a value is invalid.
    """

    type: TokenType = "access"
    """The token type that the route accepts."""
    fresh: bool = False
    """Whether the token must be marked fresh."""
    max_age: timedelta | None = None
    """The maximum time since the user's login (RFC 9470); None: no maximum."""
    acr: Sequence[str] | None = None
    """The levels of which the user's login must have one, or a stronger one (RFC 9470), in the order of
    preference. Stored as a tuple. None: any login."""
    actor: ActorRule | None = None
    """The subjects of the actors of which the token must have one (RFC 8693 §4.1). Stored as a
    frozenset. True: any actor. False: no actor. None: any token."""
    scopes: Collection[str] = ()
    """The scopes that the token must contain, all of them. Stored as a tuple."""
    any_scope: Collection[str] | None = None
    """Scopes of which the token must contain at least one. Stored as a tuple, unless None."""
    carriers: Sequence[Carrier] | None = None
    """Where the token is looked for, instead of the authenticator's carriers."""
    check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None
    """Your own check, called with the claims; any result but True refuses the request."""
    dpop: KeyBinding = "allowed"
    """``"required"``: the token must be bound to a DPoP key, and the request must prove it (RFC 9449).
    `carriers` is then ``Authorization: DPoP``. ``"allowed"``: only a bound token needs the proof."""
    mtls: KeyBinding = "allowed"
    """``"required"``: the token must be bound to a certificate, and the client must use it (RFC 8705).
    ``"allowed"``: only a bound token needs its certificate."""
    optional: bool = False
    """Whether a request without a token passes, with None as its claims. An invalid token is
    still refused."""
    checks_claims: bool = field(init=False, repr=False, compare=False)
    """Whether there is anything to check of the claims of a valid token."""

    def __post_init__(self) -> None:
        """Validate all values."""
        if self.type not in ("access", "refresh"):
            msg = "type must be 'access' or 'refresh'."
            raise ConfigurationError(msg)

        self._check_login()
        if self.actor is not None:
            object.__setattr__(self, "actor", checked_actor_rule(self.actor))
        checked_scope(self.scopes)
        object.__setattr__(self, "scopes", tuple(self.scopes))
        self._check_any_scope()
        if self.carriers is not None:
            object.__setattr__(self, "carriers", checked_carriers(self.carriers))

        if self.check is not None:
            check_predicate(self.check)
        if not isinstance(self.optional, bool):
            msg = "optional must be True or False."
            raise ConfigurationError(msg)

        if self.mtls not in ("allowed", "required"):
            msg = "mtls must be 'allowed' or 'required'."
            raise ConfigurationError(msg)
        self._check_dpop()
        checks_claims = (
            bool(self.fresh or self.scopes or self.any_scope) or self.is_for_bound_tokens
        )
        checks_claims = checks_claims or self._requires_login or self.actor is not None
        checks_claims = checks_claims or self.check is not None
        object.__setattr__(self, "checks_claims", checks_claims)

    def __hash__(self) -> int:
        """Hash everything but carriers and check, which are yours and may have no hash."""
        of_user = self.fresh, self.max_age, self.acr, self.actor
        of_key = self.dpop, self.mtls
        return hash((self.type, of_user, self.scopes, self.any_scope, of_key, self.optional))

    @property
    def is_for_bound_tokens(self) -> bool:
        """Whether the token must be bound to a key of the client."""
        return "required" in {self.dpop, self.mtls}

    @property
    def _requires_login(self) -> bool:
        return self.acr is not None or self.max_age is not None

    def _check_login(self) -> None:
        if not isinstance(self.fresh, bool):
            msg = (
                "fresh must be True or False: pass max_age=timedelta(...) for the age of the login."
            )
            raise ConfigurationError(msg)
        check_above_zero(self.max_age, "max_age")
        if self.acr is None:
            return
        object.__setattr__(self, "acr", checked_acr_values(self.acr, "acr"))
        if not self.acr:
            msg = "acr must contain at least one level: omit it, or name the levels."
            raise ConfigurationError(msg)

    def _check_dpop(self) -> None:
        if self.dpop not in ("allowed", "required"):
            msg = "dpop must be 'allowed' or 'required'."
            raise ConfigurationError(msg)
        if self.dpop == "allowed":
            return
        if self.carriers not in (None, (DPOP_HEADER,)):
            msg = "dpop='required' reads only the header Authorization: DPoP: omit carriers."
            raise ConfigurationError(msg)
        object.__setattr__(self, "carriers", (DPOP_HEADER,))

    def _check_any_scope(self) -> None:
        if self.any_scope is None:
            return
        checked_scope(self.any_scope, "any_scope")
        if not self.any_scope:
            msg = (
                "any_scope must contain at least one scope, because no token has one of none: omit "
                "it, or name the scopes."
            )
            raise ConfigurationError(msg)

        object.__setattr__(self, "any_scope", tuple(self.any_scope))

    async def check_claims(
        self,
        engine: TokenVerifier[ClaimsT],
        claims: ClaimsT,
        further_scopes: Sequence[str] = (),
    ) -> None:
        """Check everything that the requirement demands of the claims of a valid token.

        `revalidate` of the engine then checks `fresh` and `max_age` again, for open connections.

        Args:
            engine: the engine that verified the token.
            claims: the claims of the token.
            further_scopes: scopes required in addition to `scopes`, all of them.

        Raises:
            FreshTokenRequiredError, InsufficientAuthenticationError, InsufficientScopeError: the
                claims do not meet the requirement.
            PermissionDeniedError: the actor is not accepted, or `check` did not return True.
        """
        if self.fresh:
            engine.check_fresh(claims)
        if self._requires_login:
            engine.check_login(claims, acr=self.acr, max_age=self.max_age)
        if self.actor is not None and not is_accepted(claims.act, self.actor, claims.iss):
            raise PermissionDeniedError
        if self.scopes or self.any_scope or further_scopes:
            self.check_scopes(claims, further_scopes)
        if self.check is not None and await maybe_await(self.check(claims)) is not True:
            raise PermissionDeniedError
        if self.max_age is not None or (self.fresh and claims.fresh is not True):
            acr = None if self.acr is None else tuple(self.acr)
            add_login_limit(claims, LoginLimit(self.fresh, acr, self.max_age))

    def check_scopes(self, claims: Claims, further_scopes: Sequence[str] = ()) -> None:
        """Check the scopes of a valid token.

        Args:
            claims: the claims of the token.
            further_scopes: scopes required in addition to `scopes`, all of them.

        Raises:
            InsufficientScopeError: a scope is missing. The error, and so the challenge, names every
                scope of the requirement: a token with all of them is sufficient.
        """
        required, any_scope = (*self.scopes, *further_scopes), self.any_scope or ()
        granted = claims.scopes
        if not granted.issuperset(required) or (any_scope and granted.isdisjoint(any_scope)):
            raise InsufficientScopeError(self.sufficient_scopes(further_scopes))

    def sufficient_scopes(self, further_scopes: Sequence[str] = ()) -> tuple[str, ...]:
        """Return every scope that the requirement names: a token with all of them is sufficient.

        Args:
            further_scopes: scopes required in addition to `scopes`.
        """
        return tuple(dict.fromkeys((*self.scopes, *further_scopes, *(self.any_scope or ()))))
