"""Numbers of a workspace: who is asked how much, how fast they answer, what has to be escalated.

All are of the requests submitted from one instant up to another, so that the same question gets the same
answer later, once those have ended.  Shares are from 0 to 1, times in seconds; null where there is nothing
to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct
from psycopg import Connection, errors

from approvals import numbers as requests
from approvals.access import Reader
from approvals.numbers import Asked, Load, RoleId
from audit.log import rfc3339
from core.db import pool
from core.problems import bad_query, clip, forbidden
from escalations import numbers as escalations
from escalations.numbers import Escalated
from notifications.preferences import zones
from people.models import Role

DEFAULT: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=366)
DAYS: Final = 7
HOURS: Final = 24
#: Beyond these, clocks and databases begin to differ.
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2200

_WHEN: Final = "A day such as 2026-03-29, or an instant such as 2026-03-29T01:59:59Z, with its offset, from 2000 to 2200."


class Took(Struct, frozen=True, kw_only=True):
    """How long something took."""

    count: Annotated[int, Meta(description="How often it was measured")]
    p50_s: Annotated[float | None, Meta(description="Half of them took no longer, in seconds")]
    p95_s: Annotated[float | None, Meta(description="95 of 100 took no longer")]


class Answering(Struct, frozen=True, kw_only=True):
    """How requests are answered by whom they ask."""

    asked: Annotated[int, Meta(description="Requests that asked")]
    ended: Annotated[int, Meta(description="Of them, those that have ended")]
    expired: Annotated[int, Meta(description="Of them, those that expired while this was asked")]
    expired_share: Annotated[float | None, Meta(description="`expired` by `ended`")]
    escalated: Annotated[
        int, Meta(description="Requests with a step of their escalation taken, beyond reminders")
    ]
    escalation_rate: Annotated[float | None, Meta(description="`escalated` by `asked`")]
    reminded: Annotated[int, Meta(description="Requests of which somebody was reminded")]
    first_view: Annotated[
        Took, Meta(description="From the first message of a stage to the first look at it")
    ]
    decide: Annotated[Took, Meta(description="From the opening of a stage to each decision there")]


class RoleAnswering(Answering, frozen=True, kw_only=True):
    """How a role answers."""

    name: str
    title: str


class LoadShown(Struct, frozen=True, kw_only=True):
    """Seven days from Monday, of 24 hours each, in the time zone that was asked for."""

    submitted: Annotated[list[list[int]], Meta(description="Requests by when they came")]
    decided: Annotated[list[list[int]], Meta(description="Decisions on them by when they fell")]


class Numbers(Struct, frozen=True, kw_only=True, rename={"since": "from"}):
    """The numbers of a workspace."""

    since: str
    until: str
    timezone: str
    submitted: Annotated[int, Meta(description="Requests, those included that asked nobody")]
    total: Annotated[Answering, Meta(description="Of all requests that asked somebody")]
    roles: Annotated[list[RoleAnswering], Meta(description="Of each role that was asked, by name")]
    load: LoadShown


@dataclass(frozen=True, slots=True)
class Period:
    """From an instant up to another, with the time zone in which days and hours are told."""

    since: datetime
    until: datetime
    timezone: str


def may_read(reader: Reader) -> bool:
    """Whether this person may see the numbers of everybody: who may see all, audit or administer."""
    return not reader.permissions.isdisjoint({"view", "audit", "administer"})


def must_read(reader: Reader) -> None:
    """Problem: 403 for everybody else."""
    if not may_read(reader):
        raise forbidden("The numbers are for who may see all, audit or administer.")


def period(since: str | None, until: str | None, timezone: str | None) -> Period:
    """What was typed, as a period: by default the last thirty days, in UTC.

    A day stands for its beginning in that time zone.

    Raises:
        Problem: 422 at ``from``, ``until`` or ``timezone``.
    """
    zone = timezone or "UTC"
    if zone not in zones():
        said = f"“{clip(zone)}” is no time zone: write one as Europe/Berlin, or UTC."
        raise bad_query("timezone", said)
    end = now() if until is None else _instant("until", until, zone)
    begin = end - DEFAULT if since is None else _instant("from", since, zone)
    if not begin < end:
        raise bad_query("from", "It must be earlier than `until`.")
    if end - begin > LONGEST:
        raise bad_query("from", f"At most {LONGEST.days} days may lie between it and `until`.")
    return Period(begin, end, zone)


def now() -> datetime:
    """The database's time."""
    with pool().connection() as conn:
        row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101  # a SELECT without FROM always answers
    found: datetime = row[0]
    return found


def numbers(*, workspace: UUID, of: Period) -> Numbers:
    """Count, as the workspace stands at one instant.

    Raises:
        Problem: 422 where the database does not know the time zone.
    """
    span = {"workspace": workspace, "since": of.since, "until": of.until}
    with pool().connection() as conn, conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        counted = _Counted.read(conn, span)
        try:
            submitted, decided = requests.load(conn, {**span, "zone": of.timezone})
        except errors.InvalidParameterValue as error:
            raise bad_query("timezone", "The database does not know this time zone.") from error
    return Numbers(
        since=rfc3339(of.since),
        until=rfc3339(of.until),
        timezone=of.timezone,
        submitted=sum(submitted.values()),
        total=Answering(**counted.of(None)),
        roles=_roles(workspace, counted),
        load=LoadShown(submitted=_week(submitted), decided=_week(decided)),
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """What the folders counted, by role."""

    ends: Mapping[RoleId, Asked]
    steps: Mapping[RoleId, Escalated]
    viewing: Mapping[RoleId, requests.Took]
    deciding: Mapping[RoleId, requests.Took]

    @classmethod
    def read(cls, conn: Connection[Any], span: Mapping[str, Any]) -> _Counted:
        return cls(
            requests.ends(conn, span),
            escalations.escalated(conn, span),
            requests.viewing(conn, span),
            requests.deciding(conn, span),
        )

    def of(self, role: RoleId) -> dict[str, Any]:
        """The members of `Answering`."""
        ends = self.ends.get(role, Asked(0, 0, 0))
        steps = self.steps.get(role, Escalated(0, 0))
        return {
            "asked": ends.asked,
            "ended": ends.ended,
            "expired": ends.expired,
            "expired_share": _share(ends.expired, ends.ended),
            "escalated": steps.escalated,
            "escalation_rate": _share(steps.escalated, ends.asked),
            "reminded": steps.reminded,
            "first_view": _took(self.viewing.get(role)),
            "decide": _took(self.deciding.get(role)),
        }


def _roles(workspace: UUID, counted: _Counted) -> list[RoleAnswering]:
    asked = [role for role in counted.ends if role is not None]
    held = Role.objects.filter(workspace_id=workspace, id__in=asked).order_by("name")
    return [RoleAnswering(name=role.name, title=role.title, **counted.of(role.id)) for role in held]


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _took(found: requests.Took | None) -> Took:
    count, half, most = found or (0, None, None)
    return Took(count=count, p50_s=_seconds(half), p95_s=_seconds(most))


def _seconds(found: float | None) -> float | None:
    return None if found is None else round(found, 3)


def _week(load: Load) -> list[list[int]]:
    return [[load.get((day + 1, hour), 0) for hour in range(HOURS)] for day in range(DAYS)]


def _instant(name: str, text: str, zone: str) -> datetime:
    try:
        if len(text) == len("2026-03-29"):
            found = datetime.combine(date.fromisoformat(text), time(), ZoneInfo(zone))
        else:
            found = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad_query(name, _WHEN) from error
    if found.tzinfo is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise bad_query(name, _WHEN)
    return found.astimezone(UTC)
