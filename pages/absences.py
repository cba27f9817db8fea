"""When a visitor is away, as the settings page shows it and as its form sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.http import QueryDict

from core import ids
from people import absences
from people.absences import Away
from people.errors import Refusal
from people.models import Person

_FIELDS: Final = {"from": "begins", "until": "until", "stand_in": "stand_in"}
_NO_TIME: Final = "Give day and time, such as 2027-03-01T09:00."


@dataclass(frozen=True, slots=True)
class Typed:
    """The form, empty or as somebody typed it before it was refused: times as the clocks of their zone show."""

    begins: str = ""
    until: str = ""
    stand_in: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, form: QueryDict) -> Typed:
        """The fields as they came."""
        begins, until, stand_in = (
            form.get(name, "").strip() for name in ("begins", "until", "stand_in")
        )
        return cls(begins, until, stand_in)

    def times(self, zone: str) -> tuple[datetime, datetime] | None:
        """From when until when, by the clocks of a zone; None where one is no time."""
        begins, until = _instant(self.begins, zone), _instant(self.until, zone)
        return None if begins is None or until is None else (begins, until)

    def untold(self, zone: str) -> Typed:
        """The same, where `times` is None, with what is wrong by its field."""
        wrong = [
            name for name in ("begins", "until") if _instant(getattr(self, name), zone) is None
        ]
        return replace(self, errors=dict.fromkeys(wrong, _NO_TIME))

    def refused(self, refusal: Refusal) -> Typed:
        """The same, with what is wrong by its field."""
        return replace(self, errors={_FIELDS.get(refusal.argument, "form"): str(refusal)})


@dataclass(frozen=True, slots=True)
class Line:
    """One absence in the visitor's list, its times by the visitor's own clocks."""

    id: str
    begins: str
    until: str
    stand_in: str
    holds: bool


def mine(person: Person, now: datetime, zone: str) -> list[Line]:
    """The visitor's absences that hold now or later."""
    return [
        Line(
            ids.encode("abs", one.id),
            _said(one.begins_at, zone),
            _said(one.ends_at, zone),
            one.stand_in_name or "",
            one.begins_at <= now,
        )
        for one in absences.coming(workspace=person.workspace_id, person=person.id)
    ]


def others(person: Person) -> list[Away]:
    """The absences of others in which the visitor stands in, now or later."""
    return [
        one for one in absences.coming(workspace=person.workspace_id) if one.stand_in == person.id
    ]


def stand_ins(person: Person) -> list[tuple[str, str]]:
    """Who could stand in, by id and name: everybody active but the visitor."""
    found = (
        Person.objects.select_related("user")
        .filter(workspace_id=person.workspace_id, active=True, user__is_active=True)
        .exclude(id=person.id)
    )
    listed = [(ids.encode("per", one.id), one.name) for one in found]
    return sorted(listed, key=lambda one: one[1].casefold())


def _instant(text: str, zone: str) -> datetime | None:
    """What a ``datetime-local`` field says, which has no offset of its own."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(zone))


def _said(at: datetime, zone: str) -> str:
    shown = at.astimezone(ZoneInfo(zone))
    return f"{shown.day} {shown:%b %Y, %H:%M}"
