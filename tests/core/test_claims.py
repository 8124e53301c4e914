"""The claims model: frozen, open to subclasses, and fixed in its registered claims."""

from datetime import UTC, datetime

import pytest
from pydantic import Field, ValidationError

from tests.support import ShopClaims
from tokenward import Claims
from tokenward.claims import RESERVED_CLAIMS


def test_claims_are_frozen():
    """A handler cannot change the claims of its request."""
    with pytest.raises(ValidationError, match="frozen"):
        Claims(sub="alice").sub = "mallory"
    with pytest.raises(ValidationError, match="frozen"):
        ShopClaims(tenant="acme").tenant = "other"


@pytest.mark.parametrize(
    "name", sorted(RESERVED_CLAIMS | {"audiences", "expires_at", "extra", "issued_at", "scopes"})
)
@pytest.mark.filterwarnings("ignore:Field name")  # Pydantic's own, before ours is raised
def test_a_subclass_cannot_redefine_registered_claims(name):
    """A subclass can redefine neither registered claims nor the properties that requirements check."""
    with pytest.raises(TypeError, match=name):
        type("Wrong", (Claims,), {"__annotations__": {name: int}, "__module__": __name__})


def test_a_subclass_may_read_such_a_claim_by_an_alias():
    """A claim called "scopes" can be read under another name."""

    class WithAlias(Claims):
        scope_list: tuple[str, ...] = Field(alias="scopes")

    assert WithAlias.model_validate({"scopes": ["a"]}).scope_list == ("a",)


@pytest.mark.parametrize(
    ("scope", "scopes"), [("", set()), ("a", {"a"}), ("a  b", {"a", "b"}), (("a", "b"), {"a", "b"})]
)
def test_scopes_are_read_one_by_one(scope, scopes):
    """From the text of RFC 8693 and from a list."""
    assert Claims(scope=scope).scopes == scopes


@pytest.mark.parametrize(
    ("aud", "audiences"), [(None, set()), ("a b", {"a b"}), (("a", "b"), {"a", "b"})]
)
def test_audiences_are_read_one_by_one(aud, audiences):
    """One text is one audience, also if it contains spaces."""
    assert Claims(aud=aud).audiences == audiences


def test_times_are_returned_as_dates_in_utc():
    """Up to the last second of the year 9999."""
    claims = Claims(iat=0, exp=253_402_300_799)
    assert claims.issued_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert claims.expires_at == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert Claims(iat=0, iat_ms=250).issued_at == datetime(
        1970, 1, 1, microsecond=250_000, tzinfo=UTC
    )
    assert (Claims().issued_at, Claims().expires_at) == (None, None)
    with pytest.raises(ValidationError, match="less than or equal"):
        Claims(exp=253_402_300_800)


def test_claims_without_a_field_are_in_extra():
    """Claims without a field are in `extra`, unchanged."""
    claims = ShopClaims.model_validate({"tenant": "acme", "foo": ["fiz", "baz"]})
    assert claims.extra == {"foo": ["fiz", "baz"]}


def test_a_model_that_forbids_further_claims_has_no_extra():
    """The extra claims are empty, not None."""

    class Closed(Claims, extra="forbid"):
        pass

    assert Closed().extra == {}
