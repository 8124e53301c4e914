"""What an engine demands of tokens and gives to them; frozen, and checked when it is built."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Final, Literal, NoReturn, TypeAlias

from tokenward.claims.model import TokenType
from tokenward.errors import ConfigurationError

__all__ = [
    "ALWAYS_REQUIRED",
    "LONGEST_LEEWAY",
    "NEVER",
    "Lifetime",
    "Never",
    "StoreOutage",
    "TokenPolicy",
    "TypeSource",
    "checked_names",
]


class Never(Enum):
    """The type of `NEVER`."""

    NEVER = "never"


NEVER: Final = Never.NEVER
"""The lifetime of a token without ``exp``. Not the same as a lifetime of zero, which is over at once."""

Lifetime: TypeAlias = timedelta | Literal[Never.NEVER]
TypeSource: TypeAlias = Literal["claim", "typ", "always-access"]
StoreOutage: TypeAlias = Literal["refuse", "accept"]

ALWAYS_REQUIRED: Final = frozenset({"exp", "iat", "sub", "jti", "type"})
"""The claims without which no token is taken, where the policy does not say otherwise."""
LONGEST_LEEWAY: Final = timedelta(minutes=5)
"""The longest leeway that a policy may have: stores keep records for twice as long past an ``exp``."""
_ZERO: Final = timedelta(0)
_LONGEST_GRACE: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """The rules of one engine.

    The defaults suit tokens that the engine issues itself. Only here can they be loosened, by name,
    for tokens that somebody else issues::

        TokenPolicy(
            issuer="https://login.example/",
            audience="shop-api",
            required_claims={"exp", "sub"},     # no jti, no iat, no type claim
            type_source="typ",                    # the header says at+jwt (RFC 9068 §4)
        )

    Raises:
        ConfigurationError: a value, or two together, cannot be meant; the message says which.
    """

    issuer: str | None = None
    """``iss``: written into every token, and demanded of every token; None: not looked at."""
    audience: str | Collection[str] | None = None
    """``aud``: one or several names of this service; written, and one of them demanded.

    None: a token that names any audience is refused (RFC 7519 §4.1.3).
    """
    access_lifetime: Lifetime = timedelta(minutes=15)
    """How long an access token lives. Zero is over at once; `NEVER` needs ``exp`` not required."""
    refresh_lifetime: Lifetime = timedelta(days=30)
    """How long a refresh token lives."""
    session_lifetime: timedelta | None = None
    """How long a session may last from its login, however often it is refreshed; None: no end.

    Its last tokens end with it. How long a session may lie idle is the `refresh_lifetime`.
    """
    reuse_grace: timedelta = timedelta(seconds=10)
    """How long a refresh token that was used may come again without ending its session; at most 60 s.

    For browsers with two tabs, and for clients whose connection breaks before the answer has come:
    they get the same pair, as long as its refresh token is unused. After that it is a
    `RefreshTokenSupersededError`. Zero: every second use is taken for a theft.
    """
    max_token_age: timedelta | None = None
    """How old a token may get, whatever its ``exp``; older ones are refused with `TokenTooOldError`.

    By default the longer of the two lifetimes, for an engine that can issue, and no bound for an
    engine whose keys only verify. No lifetime may be longer. It also bounds how long the revocation
    of a session or a subject has to be remembered. It has no effect where ``exp`` or ``iat`` is not
    required.
    """
    leeway: timedelta = _ZERO
    """How far clocks may differ, in every comparison of times; at most 5 minutes."""
    required_claims: Collection[str] = ALWAYS_REQUIRED
    """The claims without which a token is refused.

    More may be named, as they are named in the token, whatever your claims model calls them. A null
    or an empty text counts as absent. Leaving out one of ``exp``, ``iat``, ``sub``, ``jti`` or ``type`` is for
    tokens of other issuers; without ``exp`` in it, tokens that never expire are accepted.
    """
    type_source: TypeSource = "claim"
    """Where a token's type is found.

    ``"claim"``: the ``type`` claim. ``"typ"``: the header, which must be ``at+jwt`` (RFC 9068 §4).
    ``"always-access"``: nowhere, because that issuer's keys sign access tokens alone.
    """
    integer_subjects: bool = False
    """Whether ``sub`` may be an integer, which is read as its decimal text: 7 as ``"7"``.

    For the drop-in (`tokenward_fastapi.authjwt`): the library that it replaces wrote integers, against
    RFC 7519 §4.1.2.
    """
    issuer_optional_in: Collection[TokenType] = ()
    """Types of tokens that may come without ``iss``, where there is an `issuer`.

    For the drop-in: the library that it replaces wrote ``iss`` into access tokens only. Another issuer
    is refused in every type.
    """
    max_token_bytes: int = 16_384
    """Tokens longer than this are refused unread."""
    signature_cache_entries: int = 8192
    """How many tokens are remembered as well signed, so that the next request with one is cheap.

    Everything but the signature is checked anew. Zero switches it off. See `TokenEngine.signature_cache`.
    """
    signature_cache_bytes: int = 8_388_608
    """How much memory these may take, about. Zero switches it off."""
    store_outage: StoreOutage = "refuse"
    """When the revocation store does not answer: ``"refuse"`` the request (503), or ``"accept"`` it.

    Accepting lets revoked access tokens in for as long as the store is down; each one is logged. A
    refresh token is never accepted, neither by `TokenEngine.refresh` nor by a route that requires one.
    """
    extra_registered_claims: Collection[Literal["csrf", "nbf"]] = ()
    """Registered claims that every token is to have besides the usual ones.

    For the drop-in, which writes both. ``nbf`` equals ``iat``, for readers that require it. ``csrf`` is
    the claim that `CsrfCheck` compares; tokens of sessions always have it.
    """

    audiences: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())
    """`audience` for look-ups; empty where none is configured."""

    def __post_init__(self) -> None:
        """Check everything once."""
        if not isinstance(self.extra_registered_claims, Collection) or not {
            "csrf",
            "nbf",
        }.issuperset(self.extra_registered_claims):
            _refuse(
                "extra_registered_claims takes 'csrf' and 'nbf', as in extra_registered_claims={'nbf'}."
            )
        self._set("extra_registered_claims", frozenset(self.extra_registered_claims))
        if self.audience is not None:
            self._set("audiences", checked_names(self.audience, "audience"))
        required = self.required_claims
        if isinstance(required, str) or not isinstance(required, Collection):
            _refuse("required_claims must be several names, as in required_claims={'sub'}.")
        if not all(isinstance(name, str) and name for name in required):
            _refuse("required_claims must be names of claims, as in required_claims={'sub'}.")
        self._set("required_claims", frozenset(required))
        if self.issuer is not None and (not isinstance(self.issuer, str) or not self.issuer):
            _refuse("issuer must be text that is not empty, or None.")
        self._check_times()
        self._check_sizes()
        if self.type_source not in ("claim", "typ", "always-access"):
            _refuse("type_source must be 'claim', 'typ' or 'always-access'.")
        self._check_tolerance()
        if self.type_source == "claim" and "type" not in self.required_claims:
            _refuse(
                "Without 'type' in required_claims, type_source must be 'typ' or 'always-access'."
            )
        if self.store_outage not in ("refuse", "accept"):
            _refuse("store_outage must be 'refuse' or 'accept'.")

    def _check_tolerance(self) -> None:
        if not isinstance(self.integer_subjects, bool):
            _refuse("integer_subjects must be True or False.")
        types = self.issuer_optional_in
        if (
            isinstance(types, str)
            or not isinstance(types, Collection)
            or not all(each in ("access", "refresh") for each in types)
        ):
            _refuse("issuer_optional_in takes types, as in issuer_optional_in={'refresh'}.")
        self._set("issuer_optional_in", frozenset(types))

    def _check_times(self) -> None:
        if not isinstance(self.leeway, timedelta) or not _ZERO <= self.leeway <= LONGEST_LEEWAY:
            _refuse("leeway must be a timedelta from zero to 5 minutes.")
        if self.max_token_age is not None and (
            not isinstance(self.max_token_age, timedelta) or self.max_token_age <= _ZERO
        ):
            _refuse("max_token_age must be a timedelta above zero, or None.")
        if self.session_lifetime is not None and (
            not isinstance(self.session_lifetime, timedelta) or self.session_lifetime <= _ZERO
        ):
            _refuse("session_lifetime must be a timedelta above zero, or None.")
        if not isinstance(self.reuse_grace, timedelta) or not (
            _ZERO <= self.reuse_grace <= _LONGEST_GRACE
        ):
            _refuse("reuse_grace must be a timedelta from zero to 60 seconds.")
        self.check_lifetime(self.access_lifetime, "access_lifetime")
        self.check_lifetime(self.refresh_lifetime, "refresh_lifetime")

    def _check_sizes(self) -> None:
        if type(self.max_token_bytes) is not int or self.max_token_bytes < 1:
            _refuse("max_token_bytes must be a positive whole number.")
        for name in ("signature_cache_entries", "signature_cache_bytes"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                _refuse(f"{name} must be a whole number that is not negative.")

    def check_lifetime(self, lifetime: Lifetime, name: str = "lifetime") -> None:
        """Refuse a lifetime that this policy does not allow.

        Raises:
            ConfigurationError: not a timedelta or `NEVER`, negative, longer than `max_token_age`,
                or `NEVER` where ``exp`` is required.
        """
        if lifetime is NEVER:
            if "exp" in self.required_claims:
                _refuse(
                    f"{name}: a token that never expires must be allowed by the policy: "
                    "leave 'exp' out of required_claims."
                )
            return
        if not isinstance(lifetime, timedelta) or lifetime < _ZERO:
            _refuse(f"{name} must be a timedelta that is not negative, or NEVER.")
        bound = self.age_bound
        if bound is not None and lifetime > bound:
            _refuse(f"{name} is longer than the policy's max_token_age.")

    @property
    def is_for_others(self) -> bool:
        """Whether the policy is loosened for tokens that somebody else issues.

        Then ``iat_ms``, ``session_exp`` and ``scope`` count as absent where they are of another type,
        and so do ``fresh``, ``csrf`` and ``type`` where the type is not found in the ``type`` claim.
        A null counts as absent in every registered claim except ``exp``, ``iat`` and ``nbf``.
        Otherwise the token is refused.
        """
        return self.type_source != "claim" or not ALWAYS_REQUIRED.issubset(self.required_claims)

    @property
    def age_bound(self) -> timedelta | None:
        """The age at which tokens are refused, for an engine that can issue; None: there is no bound."""
        if not ("exp" in self.required_claims and "iat" in self.required_claims):
            return None
        if self.max_token_age is not None:
            return self.max_token_age
        lifetimes = (self.access_lifetime, self.refresh_lifetime)
        return max((each for each in lifetimes if isinstance(each, timedelta)), default=None)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def checked_names(value: str | Collection[str], setting: str) -> frozenset[str]:
    """Give one or several names as a set.

    Raises:
        ConfigurationError: there is none, or one is empty or no text.
    """
    if not isinstance(value, Collection):
        _refuse(f"{setting} must be text that is not empty, or several such texts.")
    names = frozenset((value,) if isinstance(value, str) else value)
    if not names or not all(isinstance(name, str) and name for name in names):
        _refuse(f"{setting} must be text that is not empty, or several such texts.")
    return names


def _refuse(message: str) -> NoReturn:
    raise ConfigurationError(message)
