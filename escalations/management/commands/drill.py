from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Final

from django.core.management.base import CommandParser

from audit.log import rfc3339
from core import ids
from core.problems import Problem
from escalations import drills
from escalations.drills import Report
from escalations.rehearsal_words import CHANNELS
from notifications.drills import Message
from people.management import base

#: How often it is looked what came of it.
LOOK_S: Final = 0.5


class Command(base.Command):
    help = "Sends a drill to everybody who would be told of a role's request now, and tells who was reached."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("role", metavar="ROLE", nargs="?", help="its name in the policy")
        parser.add_argument("--all-roles", action="store_true", help="all roles of the policy")
        parser.add_argument(
            "--wait",
            type=float,
            default=15.0,
            metavar="SECONDS",
            help="at most, until everybody is there; default: 15",
        )

    def run(self, **options: Any) -> base.Said:
        workspace, role = base.workspace_of(options), options["role"]
        if options["all_roles"] == (role is not None):
            detail = "ROLE: the name of a role, or --all-roles."
            raise base.Failed(detail, {"argument": "ROLE"}, code=2)
        try:
            drill = drills.start(actor=self.actor, workspace=workspace.id, role=role)
        except Problem as problem:
            raise base.refused(problem, {"/role": "ROLE"}) from problem
        until = time.monotonic() + options["wait"]
        found = drills.whole(workspace=workspace.id, drill=drill)
        while not _over(found) and time.monotonic() < until:
            time.sleep(LOOK_S)
            found = drills.whole(workspace=workspace.id, drill=drill)
        return base.Said("\n".join(_lines(found)), _shown(found), code=int(bool(found.unreached)))


def _over(report: Report) -> bool:
    return report.settled and all(one.confirmed_at for one in report.people)


def _lines(report: Report) -> list[str]:
    begin = report.head.created_at
    lines = [f"{drills.url_of(report.head.id)}"]
    for one in report.people:
        there = f"there after {_seconds(begin, one.confirmed_at)}" if one.confirmed_at else ""
        state = there or (
            "seen" if one.seen_at else "not there yet" if one.reached else "NOT REACHED"
        )
        lines.append(f"{one.name}: {state}")
        lines += [f"    {_said(message)}" for message in one.messages]
    lines += [f"{one.role}: {_said(one)}" for one in report.places]
    return lines if len(lines) > 1 else [*lines, "Nobody would be told now."]


def _said(message: Message) -> str:
    where = message.place or CHANNELS.get(message.channel, message.channel)
    if message.sent_at is not None:
        return f"{where}: sent after {_seconds(message.created_at, message.sent_at)}"
    return f"{where}: {message.state}{f', {message.reason}' if message.reason else ''}"


def _seconds(begin: datetime, end: datetime) -> str:
    return f"{(end - begin).total_seconds():.1f} s"


def _shown(report: Report) -> dict[str, Any]:
    return {
        "id": ids.encode("drl", report.head.id),
        "settled": report.settled,
        "unreached": list(report.unreached),
        "people": [
            {
                "id": ids.encode("per", one.person),
                "name": one.name,
                "reached": one.reached,
                "confirmed_at": rfc3339(one.confirmed_at) if one.confirmed_at else None,
                "messages": [_message(message) for message in one.messages],
            }
            for one in report.people
        ],
        "places": [_message(one) for one in report.places],
    }


def _message(one: Message) -> dict[str, Any]:
    return {
        "channel": one.channel,
        "place": one.place,
        "state": one.state,
        "reason": one.reason,
        "sent_at": rfc3339(one.sent_at) if one.sent_at else None,
    }
