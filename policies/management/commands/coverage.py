from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core.management.base import CommandParser

from audit.log import rfc3339
from core.db import pool
from people.coverage import DAYS, MOST_DAYS, RoleCoverage, Span
from people.management import base
from policies import outlook

_AT: Final = "%a %Y-%m-%d %H:%M"


class Command(base.Command):
    trouble = 2
    help = "Says when nobody of a role could decide, and when nobody is on duty, in the days ahead."
    spelling = {"days": "--days"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("--days", type=int, default=DAYS, metavar="N", help=f"default: {DAYS}")

    def run(self, **options: Any) -> base.Said:
        workspace, days = base.workspace_of(options), options["days"]
        if not 1 <= days <= MOST_DAYS:
            detail = f"--days: a whole number from 1 to {MOST_DAYS}."
            raise base.Failed(detail, {"argument": "--days"}, code=2)
        with pool().connection() as conn:
            begin, until, roles = outlook.ahead(conn, workspace.id, days=days)
        uncovered = any(role.uncovered for role in roles)
        lines = [line for role in roles for line in _lines(role, until - begin)]
        return base.Said(
            "\n".join(lines) or "The policy has no roles yet.",
            {
                "begin": rfc3339(begin),
                "until": rfc3339(until),
                "roles": [_shown(role) for role in roles],
            },
            code=int(uncovered),
        )


def _lines(role: RoleCoverage, whole: timedelta) -> list[str]:
    if not role.uncovered and not role.off_duty:
        return [f"{role.title} ({role.role}): somebody can decide at any time."]
    lines = [f"{role.title} ({role.role}), times in {role.timezone}:"]
    for said, spans in (("nobody can decide", role.uncovered), ("nobody on duty", role.off_duty)):
        if spans:
            lines.append(f"  {said} {outlook.when(spans, role.timezone, whole)}")
            lines += [f"    {_said(span, role.timezone)}" for span in spans]
    return lines


def _said(span: Span, timezone: str) -> str:
    zone = ZoneInfo(timezone)
    return f"{span.begin.astimezone(zone):{_AT}} – {span.end.astimezone(zone):{_AT}}"


def _shown(role: RoleCoverage) -> dict[str, Any]:
    return {
        "role": role.role,
        "title": role.title,
        "schedule": role.schedule,
        "timezone": role.timezone,
        "uncovered": [[rfc3339(one.begin), rfc3339(one.end)] for one in role.uncovered],
        "off_duty": [[rfc3339(one.begin), rfc3339(one.end)] for one in role.off_duty],
    }
