"""A workspace with schedules, to be looked at and overridden."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from core.db import pool
from people.models import Person, Workspace
from people.permissions import grant_permission
from people.schedules import duty
from policies.services import apply
from tests.factories import ACTOR, PersonFactory, WorkspaceFactory

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

TEXT = """\
assentry: 1
fallback: lead
roles:
  lead: {{title: Lead, members: [{ada}]}}
  finance: {{title: Finance, members: [{ana}, {ben}, {caro}], schedule: duty}}
actions:
  site.publish: {{}}
schedules:
  duty:
    timezone: Europe/Berlin
    shifts: [{{who: [{ana}, {ben}], rotate: weekly, from: 2026-01-05T08:00}}]
  office:
    timezone: Europe/Berlin
    shifts: [{{who: [{ana}], hours: "Mo-Fr 08:00-18:00"}}]
  sent: {{timezone: Europe/Berlin, ical: uploaded}}
"""


class Office:
    """Ada administers; Ana and Ben take turns by ``duty``, whose role Caro is in as well; Max is beside."""

    def __init__(self) -> None:
        self.workspace: Workspace = WorkspaceFactory()
        self.ada, self.ana, self.ben, self.caro, self.max = (
            PersonFactory(workspace=self.workspace, name=name)
            for name in ("Ada Admin", "Ana Alt", "Ben Bern", "Caro Cruz", "Max Mann")
        )
        grant_permission(
            actor=ACTOR, workspace=self.workspace, person=self.ada, permission="administer"
        )
        self.apply(TEXT)

    def apply(self, text: str) -> Any:
        """Apply a document, with the addresses of people in place of their names."""
        emails = {
            name: getattr(self, name).user.email for name in ("ada", "ana", "ben", "caro", "max")
        }
        return apply(actor=ACTOR, workspace=self.workspace, text=text.format(**emails))

    def on_duty(self, name: str, at: datetime) -> tuple[Any, ...] | None:
        """The ids of who is on duty; None where it is not declared."""
        with pool().connection() as conn:
            return duty.on_duty(conn, self.workspace.id, [name], at).get(name)

    def of_turn(self, at: datetime) -> tuple[Person, Person]:
        """Whose turn it is by ``duty``, and the other one."""
        found = self.on_duty("duty", at)
        return (self.ana, self.ben) if found == (self.ana.id,) else (self.ben, self.ana)


def now() -> datetime:
    """The database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (at,) = cursor.fetchone()
        assert isinstance(at, datetime)
        return at
