"""Reads the schedules of a document, with every fault at its place."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from core import durations
from core.targets import Refused, parse
from people.schedules import hours
from people.schedules.terms import ROTATIONS, UPLOADED, Holidays, Schedule, Shift
from policies import schema
from policies.errors import Place, nearest, quoted
from policies.shapes import Shapes
from policies.source import Node
from policies.terms import DeclaredSchedule, Member

SCHEDULE: Final = re.compile(schema.SCHEDULE_NAME)
SCHEDULE_FORM: Final = "a schedule's name (a-z, 0-9, _, -)"

#: The shortest turn.
SHORTEST: Final = timedelta(hours=1)
_LOCAL_TIME: Final = re.compile(schema.LOCAL_TIME)
_COUNTRY: Final = re.compile(r"[A-Z]{2}")


class ScheduleReader:
    """Reads schedules; faults go to the reader of the document."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes

    def schedules(self, node: Node | None) -> dict[str, DeclaredSchedule]:
        named = self.shapes.named(node, SCHEDULE, SCHEDULE_FORM, schema.MAX_SCHEDULES)
        return {name: self.schedule(name, child, place) for name, child, place in named}

    def schedule(self, name: str, node: Node, place: Place) -> DeclaredSchedule:
        fields = self.shapes.fields(node, "schedule", "a schedule")
        members: list[Member] = []
        if node.kind == "map" and ("shifts" in fields) == ("ical" in fields):
            at = node.keys["ical"] if "ical" in fields else place
            self.shapes.fail(at, "Write either “shifts” or “ical”.")
        shifts = self.shapes.listed(
            fields.get("shifts"), lambda item: self.shift(item, members), schema.MAX_SHIFTS
        )
        if "shifts" in fields and fields["shifts"].kind == "list" and not fields["shifts"].items:
            self.shapes.fail(fields["shifts"].place, "At least one shift stands here.")
        says = Schedule(
            timezone=self.timezone(fields["timezone"]) if "timezone" in fields else "UTC",
            shifts=tuple(shifts),
            holidays=self.holidays(fields["holidays"]) if "holidays" in fields else None,
            ical=self.ical(fields["ical"]) if "ical" in fields else None,
        )
        if says.ical is not None and "holidays" in fields:
            detail = "A calendar says itself who is on duty: remove “holidays”."
            self.shapes.fail(node.keys["holidays"], detail)
        return DeclaredSchedule(name, says, tuple(members), place)

    def timezone(self, node: Node) -> str:
        name = self.shapes.string(node, schema.MAX_NAME)
        if name and name not in hours.zones():
            hint = nearest(name, hours.zones())
            detail = f"{quoted(name)} is no time zone: write one such as Europe/Berlin.{hint}"
            self.shapes.fail(node.place, detail)
            return "UTC"
        return name or "UTC"

    def holidays(self, node: Node) -> Holidays | None:
        part = None
        if node.kind == "map":
            fields = self.shapes.fields(node, "holidays", "holidays")
            written = fields.get("country")
            part = fields.get("subdivision")
        else:
            written = node
        if written is None:
            return None
        country = self.shapes.matching(written, _COUNTRY, "a country's two letters, such as DE")
        subdivision = self.shapes.string(part, 60) if part is not None else None
        if country is None or subdivision == "":
            return None
        if hours.holidays_fault(country, None) is None and part is not None:
            written = part
        fault = hours.holidays_fault(country, subdivision)
        if fault is not None:
            self.shapes.fail(written.place, fault)
            return None
        return Holidays(country, subdivision)

    def ical(self, node: Node) -> str:
        source = self.shapes.string(node, schema.MAX_TEXT)
        if not source or source == UPLOADED:
            return UPLOADED
        if not source.startswith("https://"):
            detail = "Write the https address of a calendar, or “uploaded”."
            self.shapes.fail(node.place, detail)
            return UPLOADED
        try:
            parse(source)
        except Refused as error:
            self.shapes.fail(node.place, str(error))
            return UPLOADED
        return source

    def shift(self, node: Node, members: list[Member]) -> Shift | None:
        fields = self.shapes.fields(node, "shift", "a shift")
        if node.kind != "map":
            return None
        who = self.shapes.listed(fields.get("who"), self.shapes.member, schema.MAX_TURNS)
        self._once(who)
        members += who
        if "who" in fields and fields["who"].kind == "list" and not fields["who"].items:
            self.shapes.fail(fields["who"].place, "At least one person stands here.")
        begin, until = self.local(fields.get("from")), self.local(fields.get("until"))
        if begin is not None and until is not None and until <= begin:
            self.shapes.fail(fields["until"].place, "It ends after it begins.")
        several = len(who) > 1
        rotate = "weekly" if several else "none"
        if "rotate" in fields:
            rotate = self.rotate(fields["rotate"])
        if rotate != "none" and "from" not in fields and several:
            detail = "Whoever takes turns needs “from”: when the first turn begins, in local time."
            self.shapes.fail(node.place, detail)
        return Shift(
            who=tuple(member.email for member in who),
            rotate=rotate,
            begin=begin,
            until=until,
            hours=self.hours(fields["hours"]) if "hours" in fields else None,
            on_holidays=self.flag(fields.get("on_holidays")),
        )

    def _once(self, who: list[Member]) -> None:
        seen: set[str] = set()
        for member in who:
            if member.email in seen:
                self.shapes.fail(member.place, "This person stands in the shift twice: keep one.")
            seen.add(member.email)

    def rotate(self, node: Node) -> str:
        written = self.shapes.string(node, schema.MAX_NAME)
        if not written or written in ROTATIONS:
            return written or "none"
        try:
            length = durations.parse(written)
        except durations.DurationError:
            length = timedelta(0)
        if length < SHORTEST:
            detail = "Write weekly, daily, none, or how long a turn is, 1h at least: 12h, 3d."
            self.shapes.fail(node.place, detail)
            return "none"
        return written

    def local(self, node: Node | None) -> datetime | None:
        if node is None:
            return None
        written = self.shapes.string(node, schema.MAX_NAME)
        if not written:
            return None
        try:
            found = datetime.fromisoformat(written) if _LOCAL_TIME.fullmatch(written) else None
        except ValueError:
            found = None
        if found is None or not 1990 <= found.year <= 2100:
            detail = "Write a local time without zone, such as 2026-01-05T08:00."
            self.shapes.fail(node.place, detail)
            return None
        return found

    def hours(self, node: Node) -> str | None:
        written = self.shapes.string(node, hours.MAX_HOURS)
        fault = hours.hours_fault(written) if written else None
        if fault is not None:
            self.shapes.fail(node.place, fault)
            return None
        return written or None

    def flag(self, node: Node | None) -> bool:
        if node is None:
            return False
        if not isinstance(node.value, bool):
            self.shapes.fail(node.place, "Write true or false.")
        return node.value is True
