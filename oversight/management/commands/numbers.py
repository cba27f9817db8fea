from __future__ import annotations

from typing import Any

import msgspec
from django.core.management.base import CommandParser

from core.problems import Problem
from oversight import numbers
from oversight.management.told import refused
from oversight.numbers import Answering, Numbers, Took
from people.management import base


class Command(base.Command):
    help = "Says how the requests of a period were answered, by role and by hour of the week."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        when = "a day such as 2026-03-29, or an instant with its offset"
        parser.add_argument("--from", dest="since", help=f"{when}; by default 30 days earlier")
        parser.add_argument("--until", help=f"{when}; by default now")
        parser.add_argument("--timezone", help="such as Europe/Berlin; by default UTC")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        try:
            wanted = numbers.period(options["since"], options["until"], options["timezone"])
            found = numbers.numbers(workspace=workspace.id, of=wanted)
        except Problem as problem:
            raise refused(problem) from problem
        return base.Said(_text(found), msgspec.to_builtins(found))


def _text(found: Numbers) -> str:
    lines = [
        f"From {found.since} until {found.until}: {found.submitted} requests.",
        *_lines("everybody", found.total),
    ]
    for role in found.roles:
        lines += _lines(role.name, role)
    return "\n".join(lines)


def _lines(whom: str, of: Answering) -> list[str]:
    ends = f"{of.asked} asked, {of.ended} ended, {_percent(of.expired_share)} expired"
    steps = f"{_percent(of.escalation_rate)} escalated, {of.reminded} reminded"
    return [
        f"{whom}: {ends}, {steps}",
        f"  first view {_span(of.first_view)}; to decide {_span(of.decide)}",
    ]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _span(took: Took) -> str:
    if took.p50_s is None or took.p95_s is None:
        return "–"
    return f"{took.p50_s:,.0f} s (half), {took.p95_s:,.0f} s (95 of 100), {took.count} times"
