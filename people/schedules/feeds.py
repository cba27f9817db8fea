"""Calendars that are read by address every quarter of an hour, or handed in.

Claim and commit, call out, record and commit.  What a calendar said last is kept while it cannot be
read, and the page says since when.  A process may die anywhere: the lease ends, and it is read again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from audit.actor import Actor
from core import db, http
from core.canonical import digest
from core.db import pool
from core.due import Claimed
from core.http import Answer, Failed
from core.problems import FieldError, conflict, invalid, not_found
from people.schedules import ical, taking
from people.schedules.rules import MAX_BYTES, CalendarRefused, too_long
from people.schedules.taking import Feed, Taken
from people.schedules.terms import UPLOADED, of_bytes

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=15)
SLOWEST: Final = timedelta(hours=1)
#: How far ahead a calendar is looked at; one that nobody reads again reaches further.
AHEAD: Final = timedelta(days=62)
AHEAD_UPLOADED: Final = timedelta(days=366)
#: After so long what is said is worked out anew, also where it has not changed: time goes on.
STALE: Final = timedelta(hours=12)

ACTOR: Final = Actor.system("calendars")
NOT_MODIFIED: Final = 304

#: Calls at once; the last one begins so long after the claim, and ends with its work inside the lease.
CALLS: Final = 4
LAST_BEGINS_S: Final = 5.0
DEADLINE_S: Final = 10.0


def pause(failures: int) -> timedelta:
    """How long after so many failures in a row a calendar is read again."""
    return min(SLOWEST, EVERY * (1 << min(10, max(0, failures - 1))))


def upload(*, actor: Actor, workspace: UUID, schedule: str, content: bytes) -> Taken:
    """Take a calendar that was handed in, in place of the one before.

    Raises:
        Problem: 404 no such schedule; 409 ``not_uploaded`` where it has its shifts elsewhere; 422
            ``bad_calendar`` with why it cannot be read.
    """
    with pool().connection() as conn:
        feed = taking.of_schedule(conn, workspace, schedule)
    if feed is None:
        raise not_found()
    if of_bytes(feed.spec).ical != UPLOADED:
        raise conflict(
            "not_uploaded",
            "This schedule takes no calendar: the policy says “ical: uploaded” of one.",
        )
    try:
        said = ical.read(content, _zone(feed), feed.now, AHEAD_UPLOADED)
        with pool().connection() as conn, conn.transaction():
            held = taking.hold(conn, feed)
            if held is None:
                raise conflict("not_uploaded", "The schedule was changed meanwhile.")
            return taking.take(conn, actor, held, content, said, feed.now + AHEAD_UPLOADED)
    except CalendarRefused as error:
        raise invalid(
            [FieldError("", "bad_calendar", str(error))],
            code="bad_calendar",
            detail="The calendar cannot be read: the one before stays.",
        ) from error


class Reader:
    """Keeps the due kind ``schedule.read``: one row per calendar, for as long as it has an address."""

    def __init__(self, client: http.Client) -> None:
        self._client = client

    def take(self, claimed: Sequence[Claimed]) -> None:
        """Read the calendars of claimed rows, and say when to read them again."""
        until = time.monotonic() + LAST_BEGINS_S
        with ThreadPoolExecutor(min(CALLS, len(claimed)), "calendar") as threads:
            list(threads.map(partial(self._keep, until=until), claimed))

    def _keep(self, row: Claimed, until: float) -> None:
        if time.monotonic() >= until:
            return  # the row returns when its lease ends
        try:
            with pool().connection() as conn:
                feed = taking.of_feed(conn, row.subject)
                if feed is None or not feed.source:
                    taking.settle(conn, row, None)
                    return
            self._look(row, feed)
        except db.Unavailable:
            logger.warning("a calendar waits for its lease to end: the database is away")
        except Exception:  # one calendar that breaks must not stop the others read with it
            logger.exception("calendar %s failed; it returns when its lease ends", row.subject)

    def _look(self, row: Claimed, feed: Feed) -> None:
        """Read one calendar, and record what came of it."""
        answer, said, reason, again = None, None, "", feed.now + EVERY
        try:
            answer = self._fetch(feed)
            if answer.status != NOT_MODIFIED and not _same(feed, answer.body):
                said = ical.read(answer.body, _zone(feed), feed.now, AHEAD)
        except CalendarRefused as error:
            reason, again = str(error), feed.now + pause(feed.failures + 1)
        try:
            self._record(row, feed, again, answer, said, reason)
        except CalendarRefused as error:  # too many overlap
            self._record(row, feed, feed.now + pause(feed.failures + 1), None, None, str(error))

    def _record(
        self,
        row: Claimed,
        feed: Feed,
        again: datetime,
        answer: Answer | None,
        said: Sequence[ical.Said] | None,
        reason: str,
    ) -> None:
        with pool().connection() as conn, conn.transaction():
            held = taking.hold(conn, feed)
            if not taking.settle(conn, row, None if held is None else again) or held is None:
                return
            if reason or answer is None:
                taking.fail(conn, held, reason)
            elif said is None:
                taking.confirm(conn, held)
            else:
                reaches, etag = feed.now + AHEAD, answer.headers.get("etag", "")
                taking.take(conn, ACTOR, held, answer.body, said, reaches, etag)

    def _fetch(self, feed: Feed) -> Answer:
        """What the address answers: a calendar, or that it has not changed.

        Raises:
            CalendarRefused: neither.
        """
        headers = {"Accept": "text/calendar"}
        if feed.etag and _fresh(feed):
            headers["If-None-Match"] = feed.etag
        try:
            answer = self._client.send(
                "GET", feed.source, headers=headers, deadline_s=DEADLINE_S, most_bytes=MAX_BYTES
            )
        except Failed as error:
            raise CalendarRefused(error.detail) from error
        if answer.status == NOT_MODIFIED and "If-None-Match" in headers:
            return answer
        if 300 <= answer.status < 400:
            raise CalendarRefused(
                f"It leads elsewhere ({answer.status}): write the address that it leads to."
            )
        if answer.status != 200:
            raise CalendarRefused(f"The address answers with {answer.status}, not with a calendar.")
        if answer.truncated:
            raise too_long()
        return answer


def _fresh(feed: Feed) -> bool:
    """Whether what was worked out reaches far enough still."""
    return feed.expanded_at is not None and feed.now - feed.expanded_at < STALE


def _same(feed: Feed, content: bytes) -> bool:
    return _fresh(feed) and feed.digest == digest(content)


def _zone(feed: Feed) -> ZoneInfo:
    return ZoneInfo(of_bytes(feed.spec).timezone)


#: The handler of the due kind.
read_due: Final = Reader(http.Client()).take
