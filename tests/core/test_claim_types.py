"""Types of claims: each goes into a token, comes out typed, and does so again after a refresh."""

import base64
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from pydantic import (
    AwareDatetime,
    Base64UrlBytes,
    BaseModel,
    Field,
    SecretBytes,
    SecretStr,
    create_model,
    field_serializer,
)

from tests.support import SECRET
from tokenward import (
    Claims,
    ConfigurationError,
    InvalidTokenError,
    KeyRing,
    MemoryStore,
    TokenEngine,
)
from tokenward.errors import InvalidClaimError

PAGE = Path(__file__).parents[2] / "docs" / "claims.md"
MASK = "**********"


class Plan(Enum):
    """A type with names and values."""

    FREE = "free"
    PAID = "paid"


class Level(StrEnum):
    """A text that is one of several."""

    FIRST = "first"


class Tenant(BaseModel):
    """A nested model with its own types."""

    id: UUID
    since: AwareDatetime
    name: str = Field(alias="displayName")


@dataclass(frozen=True)
class Point:
    """A dataclass."""

    x: int


class Shown(BaseModel):
    """A model whose serializer writes its secret."""

    code: SecretStr

    @field_serializer("code", when_used="json")
    def show(self, code):
        """Return the secret as text."""
        return code.get_secret_value()


class Hidden(BaseModel):
    """A model that writes its secret as asterisks."""

    code: SecretStr = SecretStr("1234")


class Nowhere(tzinfo):
    """A time zone without an offset, which makes a datetime naive."""

    def utcoffset(self, moment):
        """Return no offset."""


class Row(NamedTuple):
    """A type in the model, the value for `issue`, and the member of the token."""

    type: object
    value: object
    member: object
    typed: object = ...
    """The value that `decode` returns; by default that for `issue`."""


TOKYO = timezone(timedelta(hours=9))
BINARY = b"\xff\x00"
ID = UUID(int=7)
TENANT = Tenant(id=ID, since=datetime(2026, 1, 2, tzinfo=UTC), displayName="Acme")
WRITTEN_TENANT = {"id": str(ID), "since": "2026-01-02T00:00:00Z", "displayName": "Acme"}
ROWS = {
    "UUID": [Row(UUID, ID, str(ID))],
    "AwareDatetime": [
        Row(AwareDatetime, datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "2026-01-02T03:04:05.000006Z"),
        Row(AwareDatetime, datetime(2026, 1, 2, tzinfo=TOKYO), "2026-01-02T00:00:00+09:00"),
    ],
    "date": [Row(date, date(2026, 1, 2), "2026-01-02")],
    "time": [Row(time, time(3, 4), "03:04:00")],
    "timedelta": [Row(timedelta, timedelta(hours=1, microseconds=5), "PT1H0.000005S")],
    "Decimal": [Row(Decimal, Decimal("12345678901234567890.10"), "12345678901234567890.10")],
    "Enum": [Row(Plan, Plan.PAID, "paid"), Row(Level, Level.FIRST, "first")],
    "tuple": [Row(tuple[UUID, ...], (ID,), [str(ID)])],
    "list": [Row(list[list[date]], [[date(2026, 1, 2)]], [["2026-01-02"]])],
    "set": [Row(set[str], {"a"}, ["a"])],
    "frozenset": [Row(frozenset[Plan], frozenset({Plan.FREE}), ["free"])],
    "bytes": [
        Row(bytes, b"abc", "abc"),
        Row(Base64UrlBytes, base64.urlsafe_b64encode(BINARY), "_wA=", BINARY),
    ],
    "SecretStr": [Row(SecretStr, "1234", "1234", SecretStr("1234"))],
    "a model": [
        Row(Tenant, TENANT, WRITTEN_TENANT),
        Row(Shown, Shown(code="1234"), {"code": "1234"}),
    ],
    "a dataclass": [Row(Point, Point(1), {"x": 1})],
}
CASES = [(name, row) for name, rows in ROWS.items() for row in rows]


def engine_for(model):
    """Return an engine that reads tokens into a model."""
    return TokenEngine(KeyRing.from_secret(SECRET), claims_model=model, store=MemoryStore())


def test_every_row_of_the_page_has_a_test():
    """The first column of the table names the types that are tested here."""
    section = PAGE.read_text(encoding="utf-8").partition("## Types of claims")[2]
    table = section.partition("\n## ")[0]
    cells = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)[1:]
    assert [name.strip("`") for cell in cells for name in cell.split(", ")] == [*ROWS]


@pytest.mark.parametrize(
    ("name", "row"), CASES, ids=[f"{index} {name}" for index, (name, _) in enumerate(CASES)]
)
async def test_a_claim_keeps_its_type(name, row):
    """The token has the documented JSON, and both tokens of the next pair have it too."""
    typed = engine_for(create_model("TypedClaims", __base__=Claims, claim=(row.type, ...)))
    plain = TokenEngine(KeyRing.from_secret(SECRET))
    pair = await typed.issue_pair("alice", claims={"claim": row.value})
    successor = await typed.refresh(pair.refresh_token)

    expected = row.value if row.typed is ... else row.typed
    for token in (
        pair.access_token,
        pair.refresh_token,
        successor.access_token,
        successor.refresh_token,
    ):
        claims = await typed.decode(token, type=None)
        assert (type(claims.claim), claims.claim) == (type(expected), expected)
        assert (await plain.decode(token, type=None)).extra == {"claim": row.member}


NAIVE = datetime(2026, 1, 2)  # noqa: DTZ001 - refused


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        (NAIVE, "datetime.now(UTC)"),
        (NAIVE.replace(tzinfo=Nowhere()), "datetime.now(UTC)"),
        ({"a": [{"b": (NAIVE,)}]}, "datetime.now(UTC)"),
        (SecretStr("1234"), "get_secret_value"),
        (SecretBytes(b"1234"), "get_secret_value"),
        ([SecretStr("1234")], "get_secret_value"),
        (Hidden(), "get_secret_value"),
        ({"a": Hidden()}, "get_secret_value"),
        ((each for each in "ab"), "use a list"),
        ([map(str, "ab")], "use a list"),
    ],
)
async def test_a_value_that_would_lose_its_meaning_is_refused(engine, value, fix):
    """The error names the claim and the fix, and contains no value."""
    with pytest.raises(ConfigurationError, match="The claim limit has") as caught:
        await engine.issue("alice", claims={"name": "x", "limit": value})
    assert fix in str(caught.value)
    assert "1234" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=re.escape(fix)):
        await engine.issue_pair("alice", access_claims={"limit": value})


async def test_a_hook_cannot_add_such_a_value_either(engine):
    """The claims are checked as the hooks leave them."""

    @engine.before_issue
    def add_time(draft):
        draft.claims["at"] = NAIVE

    with pytest.raises(ConfigurationError, match="The claim at has a datetime"):
        await engine.issue("alice")


@pytest.mark.parametrize("text", [MASK, f'"{MASK}"', f'x,"{MASK}"', "2026-01-02T00:00:00"])
async def test_text_is_never_taken_for_another_type(engine, text):
    """A text that looks like a hidden secret or a time is a text, also at a refresh."""
    claims = {"text": text, "texts": [text], "nested": {"text": text}}
    pair = await engine.issue_pair("alice", claims=claims)
    successor = await engine.refresh(pair.refresh_token)
    assert (await engine.decode(successor.access_token)).extra == claims


async def test_a_hook_sees_plain_values_at_a_refresh(engine):
    """At the login it has the caller's UUID, at a refresh the text of the token."""
    seen = []
    engine.before_issue(lambda draft: seen.append(draft.claims["id"]))
    pair = await engine.issue_pair("alice", claims={"id": ID})
    await engine.refresh(pair.refresh_token)
    assert seen == [ID, ID, str(ID), str(ID)]


async def test_a_value_that_is_not_a_member_any_more_is_refused():
    """An Enum accepts only its members, so a token with another value is invalid."""
    model = create_model("PlanClaims", __base__=Claims, plan=(Plan, ...))
    engine = engine_for(model)
    with pytest.raises(InvalidClaimError):
        await engine.decode(await engine.issue("alice", claims={"plan": "trial"}))


async def test_an_aware_datetime_refuses_a_time_without_a_zone():
    """A token of another issuer with such a time is refused."""
    model = create_model("TimeClaims", __base__=Claims, at=(AwareDatetime, ...))
    engine = engine_for(model)
    with pytest.raises(InvalidTokenError):
        await engine.decode(await engine.issue("alice", claims={"at": "2026-01-02T00:00:00"}))
