from __future__ import annotations

from typing import Any

import msgspec
from django.core.management.base import CommandParser

from core.problems import Problem
from core.visible import plain
from oversight.management.told import refused
from oversight.numbers.answering import Answering, Numbers, numbers
from oversight.numbers.measures import Took
from oversight.numbers.period import Period, Wanted, period
from oversight.numbers.sections import SECTIONS, Section
from people.management import base
from people.models import Workspace


class Command(base.Command):
    help = (
        "Says how the requests of a period were answered, by role and by hour of the week, "
        "or what a section of the numbers counts."
    )

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        when = "a day such as 2026-03-29, or an instant with its offset"
        parser.add_argument("--from", dest="since", help=f"{when}; by default 30 days earlier")
        parser.add_argument("--until", help=f"{when}; by default now")
        parser.add_argument("--timezone", help="such as Europe/Berlin; by default UTC")
        parser.add_argument("--section", choices=list(SECTIONS), help="what else to count instead")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        try:
            wanted = period(options["since"], options["until"], options["timezone"])
            if options["section"]:
                return _section(SECTIONS[options["section"]], workspace, wanted)
            found = numbers(workspace=workspace.id, of=wanted)
        except Problem as problem:
            raise refused(problem) from problem
        return base.Said(_text(found), msgspec.to_builtins(found))


def _section(section: Section, workspace: Workspace, of: Period) -> base.Said:
    """What a section counts, to whoever has the machine: a block for each row of its tables."""
    found = section.count(Wanted(workspace.id, of))
    lines = [f"{section.title}, from {found.since} until {found.until}."]
    for table in section.tables:
        lines.append(f"{table.title}:")
        for row in table.rows(found):
            cells = zip(table.columns(), table.cells(row), strict=True)
            told = [f"{name} {value}" for (name, _), value in cells if value not in (None, "")]
            lines.append("  " + ", ".join(told))
    return base.Said("\n".join(plain(line) for line in lines), msgspec.to_builtins(found))


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
