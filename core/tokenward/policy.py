"""What an engine requires of tokens and writes into them; validated when it is built."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from tokenward._arguments import checked_names, refuse
from tokenward.claims.acr import checked_acr_values
from tokenward.claims.lifetime import NEVER, Lifetime, Never
from tokenward.claims.model import TokenType
from tokenward.claims.profiles import Profile, claims_of_profile
from tokenward.claims.rules import (
    ClaimRule,
    ClaimRules,
    check_above_zero,
    check_audience_claim,
    check_other_name,
    check_range,
    check_size,
    checked_choices,
    checked_issuers,
    checked_required_claims,
)

__all__ = [
    "ALWAYS_REQUIRED",
    "LONGEST_LEEWAY",
    "NEVER",
    "Lifetime",
    "Never",
    "Profile",
    "StoreOutage",
    "TokenPolicy",
    "TypeSource",
]


TypeSource: TypeAlias = Literal["claim", "typ", "always-access"]
"""The values of `TokenPolicy.type_source`."""
StoreOutage: TypeAlias = Literal["refuse", "accept"]
"""The values of `TokenPolicy.store_outage`."""

ALWAYS_REQUIRED: Final = frozenset({"exp", "iat", "sub", "jti", "type"})
"""The claims without which a token is refused, unless the policy says otherwise."""
LONGEST_LEEWAY: Final = timedelta(minutes=5)
"""The maximum leeway of a policy; a store keeps records for twice as long after an ``exp``."""
_ZERO: Final = timedelta(0)
_LONGEST_GRACE: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """The rules of one engine.

    The defaults are for tokens that the engine issues itself. Only the policy can relax them, by
    name, for tokens of another issuer::

        TokenPolicy(
            issuer="https://login.example/",
            audience="shop-api",
            required_claims={"exp", "sub"},     # no jti, no iat, no type claim
            type_source="typ",                    # the header says at+jwt (RFC 9068 §4)
        )

    Raises:
        ConfigurationError: a value, or a combination of values, is invalid; the message names it.
    """

    issuer: str | Collection[str] | None = None
    """``iss``: written into every token and required of every token; None: not checked.

    With several issuers a token must have one of them, and the engine only verifies: it issues no
    tokens. Each is the exact text of ``iss``; there are no wildcards.
    """
    audience: str | Collection[str] | None = None
    """``aud``: one or several names of this service; all are written, and one of them is required.

    None: a token that names any audience is refused (RFC 7519 §4.1.3).
    """
    audience_claim: str = "aud"
    """The claim that must name one of `audience`, for issuers that send ``client_id`` or ``azp``.

    An ``aud`` in the same token must name one too. It is written only as ``aud``.
    """
    access_lifetime: Lifetime = timedelta(minutes=15)
    """The lifetime of an access token. Zero: it has expired when it is issued.

    `NEVER` is allowed only if ``exp`` is not in `required_claims`.
    """
    refresh_lifetime: Lifetime = timedelta(days=30)
    """The lifetime of a refresh token; see `access_lifetime`."""
    session_lifetime: timedelta | None = None
    """The maximum time from the login to the end of a session, despite refreshes; None: no maximum.

    The last tokens of a session expire with it. `refresh_lifetime` is how long a session may be idle.
    """
    reuse_grace: timedelta = timedelta(seconds=10)
    """How long a used refresh token may be used again without ending its session; at most 60 s.

    This is for browsers with two tabs, and for clients whose connection broke before the response
    arrived: they get the same pair again, until its refresh token is used. After that they get a
    `RefreshTokenSupersededError`. Zero: every second use counts as theft.
    """
    max_token_age: timedelta | None = None
    """The maximum age of a token, whatever its ``exp``; older tokens get a `TokenTooOldError`.

    The default is the longer of the two lifetimes for an engine that can issue, and no maximum for
    an engine whose keys only verify. No lifetime may be longer. It also limits how long revocations
    of sessions and subjects are kept. It has no effect unless ``exp`` and ``iat`` are required.
    """
    leeway: timedelta = _ZERO
    """How far clocks may differ; applied to every comparison of times; at most 5 minutes."""
    subject_claim: str = "sub"
    """The claim that is read as ``sub`` if a token has no ``sub``, such as ``identity``.

    For tokens of other libraries; it is never written.
    """
    scope_claim: str = "scope"
    """The claim that is read as ``scope`` if a token has no ``scope``; text or a list of texts."""
    required_claims: Collection[str] = ALWAYS_REQUIRED
    """The claims without which a token is refused.

    You may add names, spelled as in the token even if your claims model uses an alias. A null or an
    empty text counts as absent. Leave out ``exp``, ``iat``, ``sub``, ``jti`` or ``type`` only for
    tokens of other issuers; without ``exp``, tokens that never expire are accepted.
    """
    type_source: TypeSource = "claim"
    """How the type of a token is recognised.

    ``"claim"``: by the ``type`` claim. ``"typ"``: by the header, which must be ``at+jwt`` (RFC 9068
    §4). ``"always-access"``: every token is an access token, because the issuer's keys sign no others.
    """
    profile: Profile | None = None
    """``"rfc9068"``: access tokens must meet every requirement of RFC 9068 (§2.1, §2.2 and §4).

    Their header says ``at+jwt``, and ``client_id`` is required as well as `issuer`, `audience` and the
    usual claims. To issue them, pass ``claims={"client_id": ...}``; for those of another issuer, set
    `type_source` to ``"typ"``.
    """
    access_token_claims: Mapping[str, ClaimRule] | None = None
    """The claims that make a token an access token; without them: `WrongTokenTypeError`.

    True: the claim is present, and neither null, false nor empty. Text: it equals the text, or one
    of several texts. All rules must be met: ``{"token_use": "access", "scope": True}``.
    """
    accept_id_tokens: bool = False
    """Whether ID tokens count as access tokens if `type_source` is not ``"claim"``.

    By default a token with ``nonce``, ``at_hash`` or ``c_hash``, which only ID tokens have (OpenID
    Connect Core §2, §3.3.2.11), gets a `WrongTokenTypeError`. An ID token may have none of them.
    """
    integer_subjects: bool = False
    """Whether ``sub`` may be an integer; it is read as decimal text: 7 as ``"7"``.

    For the drop-in (`tokenward_fastapi.authjwt`): the library that it replaces wrote integers,
    which RFC 7519 §4.1.2 does not allow.
    """
    issuer_optional_in: Collection[TokenType] = ()
    """The types of tokens that may lack ``iss`` although the policy has an `issuer`.

    For the drop-in: the library that it replaces wrote ``iss`` into access tokens only. A token that
    names another issuer is always refused.
    """
    max_token_bytes: int = 16_384
    """The maximum length of a token; a longer token is refused before it is parsed."""
    signature_cache_entries: int = 8192
    """The maximum number of tokens whose verified signature is cached.

    Every request checks everything but the signature again. Zero switches the cache off. See
    `TokenEngine.signature_cache`.
    """
    signature_cache_bytes: int = 8_388_608
    """The approximate maximum memory of the signature cache. Zero switches the cache off."""
    store_outage: StoreOutage = "refuse"
    """If the revocation store does not answer: ``"refuse"`` the request (503), or ``"accept"`` it.

    With ``"accept"``, revoked access tokens are valid while the store is down; each use is logged. A
    refresh token is never accepted, neither by `TokenEngine.refresh` nor by a route that requires it.
    """
    acr_levels: Sequence[str] = ()
    """The levels of a login (``acr``) from the weakest to the strongest, as ``("pwd", "mfa")``.

    Where a route requires a level, a stronger one is sufficient. A level that is not listed, and
    every level if there is no list, is compared as text. Stored as a tuple.
    """
    extra_registered_claims: Collection[Literal["csrf", "nbf"]] = ()
    """Further registered claims to write into every token.

    For the drop-in, which writes both. ``nbf`` equals ``iat``, for readers that require it. ``csrf``
    is the claim that `CsrfCheck` compares; tokens of sessions always have it.
    """

    issuers: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())
    """`issuer` as a set; empty if the policy has no issuer."""
    audiences: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())
    """`audience` as a set, for lookups; empty if the policy has no audience."""

    def __post_init__(self) -> None:
        """Validate all values."""
        self._check_claim_names()
        self._set("acr_levels", checked_acr_values(self.acr_levels, "acr_levels"))
        if self.audience is not None:
            self._set("audiences", checked_names(self.audience, "audience"))
        check_audience_claim(self.audience_claim, has_audience=bool(self.audiences))
        check_other_name(self.subject_claim, "sub", "subject_claim")
        check_other_name(self.scope_claim, "scope", "scope_claim")
        if self.issuer is not None:
            self._set("issuers", checked_issuers(self.issuer))

        self._check_times()
        check_size(self.max_token_bytes, "max_token_bytes", 1)
        check_size(self.signature_cache_entries, "signature_cache_entries", 0)
        check_size(self.signature_cache_bytes, "signature_cache_bytes", 0)
        for name in ("accept_id_tokens", "integer_subjects"):
            if not isinstance(getattr(self, name), bool):
                refuse(f"{name} must be True or False.")

        if self.type_source not in ("claim", "typ", "always-access"):
            refuse("type_source must be 'claim', 'typ' or 'always-access'.")
        if self.type_source == "claim" and "type" not in self.required_claims:
            refuse(
                "Without 'type' in required_claims, type_source must be 'typ' or 'always-access'."
            )
        if self.profile is not None:
            claims = claims_of_profile(
                self.profile,
                self.required_claims,
                type_source=self.type_source,
                names_both=bool(self.issuers and self.audiences),
            )
            self._set("required_claims", claims)
        if self.store_outage not in ("refuse", "accept"):
            refuse("store_outage must be 'refuse' or 'accept'.")
        if self.access_token_claims is not None:
            rules = ClaimRules(self.access_token_claims, "access_token_claims")
            self._set("access_token_claims", rules)

    def _check_claim_names(self) -> None:
        self._set("required_claims", checked_required_claims(self.required_claims))
        for name, choices in (
            ("extra_registered_claims", ("csrf", "nbf")),
            ("issuer_optional_in", ("access", "refresh")),
        ):
            self._set(name, checked_choices(getattr(self, name), choices, name))

    def _check_times(self) -> None:
        check_range(self.leeway, "leeway", LONGEST_LEEWAY, "5 minutes")
        check_range(self.reuse_grace, "reuse_grace", _LONGEST_GRACE, "60 seconds")
        check_above_zero(self.max_token_age, "max_token_age")
        check_above_zero(self.session_lifetime, "session_lifetime")
        self.check_lifetime(self.access_lifetime, "access_lifetime")
        self.check_lifetime(self.refresh_lifetime, "refresh_lifetime")

    def check_lifetime(self, lifetime: Lifetime, name: str = "lifetime") -> None:
        """Refuse a lifetime that this policy does not allow.

        Raises:
            ConfigurationError: it is not a timedelta or `NEVER`, it is negative or longer than
                `max_token_age`, or it is `NEVER` and ``exp`` is required.
        """
        if lifetime is NEVER:
            if "exp" in self.required_claims:
                refuse(
                    f"{name} is NEVER, but the policy requires 'exp': remove 'exp' from "
                    "required_claims, or use a timedelta."
                )
            return
        if not isinstance(lifetime, timedelta) or lifetime < _ZERO:
            refuse(f"{name} must be a timedelta of zero or more, or NEVER.")
        bound = self.age_bound
        if bound is not None and lifetime > bound:
            refuse(f"{name} is longer than the policy's max_token_age.")

    @property
    def is_for_others(self) -> bool:
        """Whether the policy is relaxed for tokens of another issuer.

        If it is, ``iat_ms``, ``session_exp``, ``scope`` and ``acr`` count as absent if they have
        another type, and so do ``fresh``, ``csrf`` and ``type`` unless `type_source` is ``"claim"``. A null
        counts as absent in every registered claim except ``exp``, ``iat`` and ``nbf``. If it is not,
        such a token is refused.
        """
        return self.type_source != "claim" or not ALWAYS_REQUIRED.issubset(self.required_claims)

    @property
    def age_bound(self) -> timedelta | None:
        """The maximum age of a token, for an engine that can issue; None: there is no maximum."""
        if not ("exp" in self.required_claims and "iat" in self.required_claims):
            return None
        if self.max_token_age is not None:
            return self.max_token_age
        lifetimes = (self.access_lifetime, self.refresh_lifetime)
        return max((each for each in lifetimes if isinstance(each, timedelta)), default=None)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
