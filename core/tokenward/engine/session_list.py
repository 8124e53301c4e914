"""The list of the open sessions of a subject."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tokenward._arguments import kind_of, refuse
from tokenward.claims.model import Claims
from tokenward.errors import ConfigurationError
from tokenward.policy import TokenPolicy
from tokenward.sessions.revocation import RevocationChecker, session_of
from tokenward.sessions.verdicts import any_verdict
from tokenward.stores.feed import check_at_source
from tokenward.stores.identities import key_of, own_name
from tokenward.stores.session_records import SessionRecord, SessionRecords, records_in
from tokenward.tokens.provider_login import names_in

__all__ = ["OpenSession", "SessionList", "SessionLister"]

_MOST_SESSIONS: Final = 1_000
_LONGEST_PRECISION: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionList:
    """The settings of an engine that lists sessions: ``TokenEngine(session_list=SessionList())``.

    Raises:
        ConfigurationError: a value is invalid.
    """

    max_sessions: int = 100
    """The maximum number of open sessions of one subject, from 1 to 1,000. A login ends the oldest
    ones that are too many."""
    precision: timedelta = timedelta(minutes=5)
    """How exact the time of the latest refresh is; at most one hour. Of all refreshes of a session in
    this time, one is written."""

    def __post_init__(self) -> None:
        """Validate the values."""
        if type(self.max_sessions) is not int or not 1 <= self.max_sessions <= _MOST_SESSIONS:
            refuse("max_sessions must be a number from 1 to 1,000.")
        if (
            not isinstance(self.precision, timedelta)
            or not timedelta(0) < self.precision <= _LONGEST_PRECISION
        ):
            refuse("precision must be a timedelta above zero, and at most one hour.")


@dataclass(frozen=True, slots=True)
class OpenSession:
    """An open session of a subject."""

    session: str
    """Its ``sid``; pass it to `TokenEngine.end_session`."""
    label: str | None
    """The label of its login."""
    began_at: datetime
    """When it began, in UTC."""
    refreshed_at: datetime
    """When it was refreshed last, in UTC, as exactly as `SessionList.precision`; without a refresh,
    when it began."""


class SessionLister:
    """Records the sessions of one engine, and limits them."""

    def __init__(
        self, settings: SessionList, revocation: RevocationChecker[Any], policy: TokenPolicy
    ) -> None:
        """Join the settings with the store of an engine.

        Args:
            settings: the settings.
            revocation: has the store, and ends sessions.
            policy: its leeway is how long a token is accepted after its ``exp``.

        Raises:
            ConfigurationError: there is no store, or it keeps no list of sessions.
        """
        if not isinstance(settings, SessionList):
            refuse(f"session_list must be a SessionList, not {kind_of(settings)}.")
        records_in(revocation.store)
        self._revocation = revocation
        self._most = settings.max_sessions
        self._precision = settings.precision.total_seconds()
        # A refresh that is not written must not outlast the record.
        self._spare = self._precision + policy.leeway.total_seconds() + 1

    async def add(
        self, subject: str, session: str, label: str | None, exp: float, now: float
    ) -> None:
        """Record a new session, and end the oldest sessions of its subject that are too many.

        Args:
            subject: the ``sub``.
            session: the ``sid``.
            label: the label of the login.
            exp: when the last token of the session expires; ``math.inf``: never.
            now: the time.

        Raises:
            StoreUnavailableError: the store failed; the session may be in the list.
            ConfigurationError: the ``sid`` cannot be listed.
        """
        if key_of(session) != session:
            msg = "A list of sessions needs a new_jti that returns at most 200 ASCII characters."
            raise ConfigurationError(msg)
        record = SessionRecord(session, now, now, exp + self._spare, label or "")
        async with self._revocation.outage_refused(now):
            await self._records.add(own_name(subject), record, now=now)
        await self._end_oldest(subject, now)

    async def refreshed(self, claims: Claims, exp: float, now: float) -> None:
        """Record that a session is being refreshed, unless that was recorded a short time ago.

        Args:
            claims: the claims of the refresh token, which was issued at the latest refresh.
            exp: when the last of the new tokens expires; ``math.inf``: never.
            now: the time.

        Raises:
            StoreUnavailableError: the store failed.
        """
        session = session_of(claims)
        if session is None or (
            claims.iat is not None and claims.iat // self._precision == now // self._precision
        ):
            return
        async with self._revocation.outage_refused(now):
            await self._records.refresh(
                own_name(claims.sub),
                session,
                refreshed_at=now,
                keep_until=exp + self._spare,
                now=now,
            )

    async def open_sessions(self, subject: str, now: float) -> Sequence[OpenSession]:
        """Return the open sessions of a subject, the newest first.

        Raises:
            StoreUnavailableError: the store failed.
        """
        return [_as_open(each) for each in reversed((await self._read(subject, now))[0])]

    async def end(self, subject: str, session: str, now: float) -> bool:
        """End an open session of a subject; return whether there was one.

        Raises:
            StoreUnavailableError: the store failed.
        """
        is_open = any(each.session == session for each in (await self._read(subject, now))[0])
        if is_open:
            await self._end(subject, [session], now)
        return is_open

    async def _end_oldest(self, subject: str, now: float) -> None:
        # Every login adds its session before it reads. So of logins at the same time, the last one
        # to read sees all sessions, and each of them ends the same ones.
        in_order, ended = await self._read(subject, now)
        too_many = [each.session for each in in_order[: -self._most]]
        await self._end(subject, too_many, now)
        if ended:
            async with self._revocation.outage_refused(now):
                await self._records.remove(own_name(subject), ended, now=now)

    async def _end(self, subject: str, sessions: Sequence[str], now: float) -> None:
        for session in sessions:
            await self._revocation.deny_all("session", session, now)
        if sessions:
            async with self._revocation.outage_refused(now):
                await self._records.remove(own_name(subject), sessions, now=now)

    async def _read(
        self, subject: str, now: float
    ) -> tuple[Sequence[SessionRecord], Sequence[str]]:
        """Return the records of open sessions, the oldest first, and the names of ended ones."""
        async with self._revocation.outage_refused(now):
            found = await self._records.of(own_name(subject), now=now)
            are_denied = await asyncio.gather(*(self._is_denied(subject, x, now) for x in found))
        records = list(zip(found, are_denied, strict=True))
        live = sorted(
            (each for each, is_denied in records if not is_denied),
            key=lambda each: (each.began_at, each.session),
        )
        return live, [each.session for each, is_denied in records if is_denied]

    async def _is_denied(self, subject: str, record: SessionRecord, now: float) -> bool:
        """Whether a session was revoked, by its ``sid``, its subject or the login of its provider.

        A session never outlives a revocation of its subject, so the time of its begin decides.
        """
        asked = [(own_name(record.session), own_name(subject))]
        login = names_in(record.session)
        if login is not None:
            asked.append((login.session or "", login.subject))
        check, at = check_at_source(self._revocation.store), record.began_at
        calls = (
            check(jti="", sid=sid or None, sub=sub, issued_at=at, now=now) for sid, sub in asked
        )
        return await any_verdict(*calls) is not False

    @property
    def _records(self) -> SessionRecords:
        return records_in(self._revocation.store)


def _as_open(record: SessionRecord) -> OpenSession:
    return OpenSession(
        record.session,
        record.label or None,
        datetime.fromtimestamp(record.began_at, UTC),
        datetime.fromtimestamp(record.refreshed_at, UTC),
    )
