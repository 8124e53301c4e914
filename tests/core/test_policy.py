"""A policy is frozen, and invalid values are refused when it is built."""

import string
from copy import deepcopy
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest

from tokenward import NEVER, ConfigurationError, TokenPolicy
from tokenward.policy import LONGEST_LEEWAY

DAY = timedelta(days=1)
NO_EXP = {"iat", "sub", "jti", "type"}


def test_the_defaults_are_strict():
    """Five claims are required, there is no leeway, and outages are refused."""
    policy = TokenPolicy()
    assert policy.required_claims == {"exp", "iat", "sub", "jti", "type"}
    assert (policy.leeway, policy.store_outage) == (timedelta(0), "refuse")
    assert (policy.integer_subjects, policy.issuer_optional_in) == (False, frozenset())
    assert policy.accept_id_tokens is False
    assert (policy.type_source, policy.max_token_bytes) == ("claim", 16_384)
    assert (policy.signature_cache_entries, policy.signature_cache_bytes) == (8192, 8_388_608)
    assert (policy.reuse_grace, policy.session_lifetime) == (timedelta(seconds=10), None)
    assert (policy.access_lifetime, policy.refresh_lifetime) == (timedelta(minutes=15), 30 * DAY)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("max_token_bytes", 0, "a positive whole number"),
        ("signature_cache_entries", -1, "a whole number, zero or more"),
        ("signature_cache_bytes", 1.5, "a whole number, zero or more"),
    ],
)
def test_a_size_is_a_whole_number(setting, value, words):
    """The error says which are allowed."""
    with pytest.raises(ConfigurationError, match=f"^{setting} must be {words}"):
        TokenPolicy(**{setting: value})


def test_the_longest_leeway_is_accepted():
    """And nothing above it."""
    assert TokenPolicy(leeway=LONGEST_LEEWAY).leeway == LONGEST_LEEWAY
    with pytest.raises(ConfigurationError, match="leeway"):
        TokenPolicy(leeway=LONGEST_LEEWAY + timedelta(microseconds=1))


def test_one_or_several_issuers_are_a_set():
    """For lookups; the policy keeps what it was given."""
    assert TokenPolicy().issuers == frozenset()
    assert TokenPolicy(issuer="a").issuers == {"a"}
    several = TokenPolicy(issuer=["a", "b"])
    assert (several.issuer, several.issuers) == (["a", "b"], {"a", "b"})


def test_only_placeholders_are_refused_in_an_issuer():
    """Any other printable character is text that iss must equal."""
    issuer = "".join(set(string.printable) - {*"{}*"})
    assert TokenPolicy(issuer=issuer).issuers == {issuer}


def test_a_policy_cannot_be_changed():
    """The rules of an engine stay the same."""
    with pytest.raises(FrozenInstanceError):
        TokenPolicy().leeway = DAY


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (TokenPolicy(), False),
        (TokenPolicy(required_claims={"exp", "iat", "sub", "jti", "type", "more"}), False),
        (TokenPolicy(required_claims={"exp", "sub", "type"}), True),
        (TokenPolicy(type_source="typ"), True),
        (TokenPolicy(type_source="always-access"), True),
    ],
    ids=["defaults", "one claim more", "fewer claims", "typ", "always-access"],
)
def test_a_policy_is_for_others_if_it_requires_less_than_the_defaults(policy, expected):
    """Fewer claims, or another source of the type; further claims make it stricter."""
    assert policy.is_for_others is expected


def test_a_policy_keeps_copies_of_what_it_was_given():
    """Collections that the caller changes later change no policy."""
    required, extra, optional = {"exp", "iat", "sub", "jti", "type"}, {"nbf"}, ["refresh"]
    policy = TokenPolicy(
        required_claims=required, extra_registered_claims=extra, issuer_optional_in=optional
    )
    required.remove("exp")
    extra.clear()
    optional.append("access")

    assert "exp" in policy.required_claims
    assert policy.extra_registered_claims == {"nbf"}
    assert policy.issuer_optional_in == {"refresh"}


@pytest.mark.parametrize("name", ["", 7, None, "sub", "iss", "sid", "scope"])
def test_the_claim_that_names_the_audience_is_not_a_registered_one(name):
    """Only `aud` may be one."""
    with pytest.raises(ConfigurationError, match="audience_claim must be"):
        TokenPolicy(audience="a", audience_claim=name)
    assert TokenPolicy(audience_claim="aud").audience is None


def test_rules_about_claims_are_copied():
    """They cannot change later, and a policy with them can be hashed, copied and compared."""
    given = {"typ": ["Bearer"], "scope": True}
    policy = TokenPolicy(access_token_claims=given)
    given["typ"].append("ID")
    given.clear()
    assert policy.access_token_claims == {"typ": {"Bearer"}, "scope": True}
    assert repr(policy.access_token_claims) == "{'typ': frozenset({'Bearer'}), 'scope': True}"
    with pytest.raises(TypeError):
        policy.access_token_claims["typ"] = "ID"
    same = TokenPolicy(access_token_claims={"scope": True, "typ": "Bearer"})
    assert (same, hash(same)) == (policy, hash(policy))
    assert replace(policy, issuer="a").access_token_claims == policy.access_token_claims
    assert deepcopy(policy) == policy


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("issuer", ""),
        ("issuer", 7),
        ("issuer", []),
        ("issuer", ["a", ""]),
        ("issuer", ["a", 7]),
        ("issuer", b"a"),
        ("issuer", "https://login.example/{tenantid}/v2.0"),
        ("issuer", ["a", "https://*.example"]),
        ("audience", ""),
        ("audience", []),
        ("audience", ["a", ""]),
        ("audience", [7]),
        ("required_claims", "exp"),
        ("required_claims", [""]),
        ("required_claims", [7]),
        ("required_claims", 7),
        ("required_claims", ["exp", "iat", "sub", "jti", "type", ""]),
        ("leeway", -DAY),
        ("leeway", timedelta(seconds=300.001)),
        ("leeway", 5),
        ("integer_subjects", 1),
        ("accept_id_tokens", "no"),
        ("audience_claim", "client_id"),
        ("access_token_claims", {}),
        ("access_token_claims", "scope"),
        ("access_token_claims", {"scope"}),
        ("access_token_claims", {"": True}),
        ("access_token_claims", {7: True}),
        ("access_token_claims", {"scope": False}),
        ("access_token_claims", {"scope": None}),
        ("access_token_claims", {"ver": 1}),
        ("access_token_claims", {"typ": ""}),
        ("access_token_claims", {"typ": []}),
        ("access_token_claims", {"typ": [["Bearer"]]}),
        ("access_token_claims", {"typ": ["Bearer", 7]}),
        ("access_token_claims", {"typ": b"Bearer"}),
        ("access_token_claims", {"realm_access": {"roles": "a"}}),
        ("issuer_optional_in", ["id"]),
        ("issuer_optional_in", 7),
        ("access_lifetime", -DAY),
        ("access_lifetime", 900),
        ("access_lifetime", None),
        ("refresh_lifetime", -DAY),
        ("max_token_age", timedelta(0)),
        ("max_token_age", 5),
        ("max_token_age", timedelta(minutes=1)),
        ("type_source", "header"),
        ("max_token_bytes", 0),
        ("max_token_bytes", True),
        ("max_token_bytes", 1.5),
        ("signature_cache_entries", -1),
        ("signature_cache_entries", True),
        ("signature_cache_entries", 1.5),
        ("signature_cache_entries", "1"),
        ("signature_cache_entries", None),
        ("signature_cache_bytes", -1),
        ("signature_cache_bytes", True),
        ("signature_cache_bytes", 1.5),
        ("signature_cache_bytes", "1"),
        ("signature_cache_bytes", None),
        ("store_outage", "ignore"),
        ("session_lifetime", timedelta(0)),
        ("session_lifetime", 5),
        ("reuse_grace", timedelta(seconds=61)),
        ("reuse_grace", timedelta(seconds=-1)),
        ("reuse_grace", 5),
        ("access_lifetime", NEVER),
        ("refresh_lifetime", NEVER),
    ],
    ids=repr,
)
def test_an_invalid_setting_is_refused_by_name(setting, value):
    """The message names the setting, or the setting that it contradicts."""
    with pytest.raises(ConfigurationError, match=rf"_lifetime|\b{setting}\b"):
        TokenPolicy(**{setting: value})


@pytest.mark.parametrize("setting", ["signature_cache_entries", "signature_cache_bytes"])
def test_zero_is_a_size_of_the_signature_cache(setting):
    """Zero entries or bytes switch the signature cache off."""
    assert getattr(TokenPolicy(**{setting: 0}), setting) == 0


def test_zero_is_a_lifetime():
    """Zero means zero, not "not given"."""
    assert TokenPolicy(access_lifetime=timedelta(0)).access_lifetime == timedelta(0)


def test_never_needs_a_policy_without_exp():
    """A lifetime without end is allowed if exp is not required."""
    assert TokenPolicy(required_claims=NO_EXP, access_lifetime=NEVER).access_lifetime is NEVER


@pytest.mark.parametrize(
    ("policy", "bound"),
    [
        (TokenPolicy(), 30 * DAY),
        (TokenPolicy(access_lifetime=60 * DAY), 60 * DAY),
        (TokenPolicy(max_token_age=90 * DAY), 90 * DAY),
        (TokenPolicy(max_token_age=90 * DAY, required_claims=NO_EXP), None),
        (TokenPolicy(required_claims={"exp"}, type_source="typ"), None),
        (TokenPolicy(required_claims=(), type_source="always-access"), None),
    ],
    ids=["default", "longest lifetime", "set", "no exp", "no iat", "nothing required"],
)
def test_the_maximum_age_of_tokens(policy, bound):
    """It is max_token_age, or the longest lifetime; without exp or iat there is none."""
    assert policy.age_bound == bound
