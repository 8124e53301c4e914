"""The claims model: frozen, subclassed, and fixed in what the engine checks by."""

from datetime import UTC, datetime

import pytest
from pydantic import Field, ValidationError

from tests.support import ShopClaims
from tokenward import Claims
from tokenward.claims import RESERVED_CLAIMS


def test_claims_are_frozen():
    """A handler cannot change what it was given."""
    with pytest.raises(ValidationError, match="frozen"):
        Claims(sub="alice").sub = "mallory"
    with pytest.raises(ValidationError, match="frozen"):
        ShopClaims(tenant="acme").tenant = "other"


@pytest.mark.parametrize(
    "name", sorted(RESERVED_CLAIMS | {"audiences", "expires_at", "extra", "issued_at", "scopes"})
)
@pytest.mark.filterwarnings("ignore:Field name")  # Pydantic's own, before ours is raised
def test_a_subclass_cannot_redefine_what_is_checked(name):
    """Neither registered claims nor the properties that requirements are checked by."""
    with pytest.raises(TypeError, match=name):
        type("Wrong", (Claims,), {"__annotations__": {name: int}, "__module__": __name__})


def test_a_subclass_may_take_such_a_name_from_the_token_by_an_alias():
    """A claim called "scopes" is reachable under another name."""

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
    """One text is one audience, spaces and all."""
    assert Claims(aud=aud).audiences == audiences


def test_times_are_given_as_dates_in_utc():
    """The last second of the year 9999 is a date as well."""
    claims = Claims(iat=0, exp=253_402_300_799)
    assert claims.issued_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert claims.expires_at == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (Claims().issued_at, Claims().expires_at) == (None, None)
    with pytest.raises(ValidationError, match="less than or equal"):
        Claims(exp=253_402_300_800)


def test_what_the_model_does_not_name_is_in_extra():
    """Further claims are kept as they came."""
    claims = ShopClaims.model_validate({"tenant": "acme", "foo": ["fiz", "baz"]})
    assert claims.extra == {"foo": ["fiz", "baz"]}


def test_a_model_that_forbids_more_has_no_extra():
    """Extra is empty, not None."""

    class Closed(Claims, extra="forbid"):
        pass

    assert Closed().extra == {}
