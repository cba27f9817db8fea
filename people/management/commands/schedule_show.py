from __future__ import annotations

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandParser

from audit.log import rfc3339
from core import ids
from core.db import pool
from people.management import base
from people.schedules import duty
from people.schedules.duty import OnDuty
from people.schedules.overview import DAYS, MOST_DAYS, Detail, detail


class Command(base.Command):
    help = "Shows who is on duty by a schedule, day by day, and where nobody is."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("name", metavar="NAME", help="the schedule, as the policy calls it")
        parser.add_argument("--days", type=int, default=DAYS, help=f"how many; default {DAYS}")
        parser.add_argument("--at", help="from when: a day, or an instant with its offset")

    def run(self, **options: Any) -> base.Said:
        workspace, name, days = base.workspace_of(options), options["name"], options["days"]
        if not 1 <= days <= MOST_DAYS:
            raise base.Failed(f"--days: from 1 to {MOST_DAYS}.", {"argument": "--days"})
        with pool().connection() as conn:
            terms = duty.spec_of(conn, workspace.id, name)
            if terms is None:
                raise base.Failed(
                    f"NAME: {workspace.slug} has no schedule “{name}”: declare it in the policy.",
                    {"argument": "NAME"},
                )
            at = None if options["at"] is None else _instant(options["at"], terms.timezone)
            found = detail(conn, workspace.id, name, at=at, days=days)
        if found is None:
            raise base.Failed(f"NAME: “{name}” was removed meanwhile.", {"argument": "NAME"})
        return base.Said(_text(found), _data(found))


def _instant(text: str, timezone: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is not None and at.tzinfo is None and at.time() == time():
        at = at.replace(tzinfo=ZoneInfo(timezone))
    if at is None or at.tzinfo is None or not 1990 <= at.year < 2100:
        detail = "--at: write a day such as 2026-03-28, or an instant: 2026-03-28T08:00+01:00."
        raise base.Failed(detail, {"argument": "--at"})
    return at


def _text(found: Detail) -> str:
    one = found.overview
    lines = [f"{one.name} in {one.timezone}: {_names(one.on_duty)} on duty."]
    if found.calendar is not None and found.calendar.failed_at is not None:
        since = found.calendar.failed_at.astimezone(one.zone)
        lines.append(
            f"Its calendar cannot be read since {since:%Y-%m-%d %H:%M}: {found.calendar.reason}"
        )
    for span in one.spans:
        begin, end = (at.astimezone(one.zone) for at in (span.begin, span.end))
        said = _names(span.who) + (" (override)" if span.override else "")
        lines.append(f"{begin:%a %Y-%m-%d %H:%M} – {end:%a %Y-%m-%d %H:%M}  {said}")
    gaps = len(one.gaps)
    lines.append("No gap." if not gaps else f"{gaps} gap{'s' if gaps > 1 else ''}.")
    return "\n".join(lines)


def _data(found: Detail) -> dict[str, Any]:
    one = found.overview
    return {
        "name": one.name,
        "timezone": one.timezone,
        "on_duty": _people(one.on_duty),
        "next_change": None if one.next_change is None else rfc3339(one.next_change),
        "spans": [
            {
                "begins_at": rfc3339(span.begin),
                "ends_at": rfc3339(span.end),
                "on_duty": _people(span.who),
                "override": ids.encode("ovr", span.override) if span.override else None,
            }
            for span in one.spans
        ],
        "gaps": len(one.gaps),
    }


def _names(who: tuple[OnDuty, ...]) -> str:
    return ", ".join(one.name for one in who) or "nobody"


def _people(who: tuple[OnDuty, ...]) -> list[dict[str, str]]:
    return [{"id": ids.encode("per", one.id), "name": one.name} for one in who]
