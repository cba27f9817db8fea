"""The schedules of a workspace, reconciled with those that its policy declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from audit import kinds
from audit.actor import Actor
from audit.log import record
from core.clock import ClockTimestamp
from core.due import INSERT_DUE, WITHDRAW_DUE, Promise, due_rows
from core.nudge import nudger
from people.models import Feed, OnCallSchedule, Workspace
from people.schedules.terms import UPLOADED, Schedule, of_bytes, to_bytes

#: The due kind that reads calendars; the subject is a feed (`people.schedules.feeds`).
READ: Final = "schedule.read"


@dataclass(frozen=True, slots=True)
class SchedulesReconciled:
    """What `reconcile_schedules` changed, by name."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def source_of(schedule: Schedule) -> str:
    """Whence a schedule knows who is on duty: ``shifts``, ``url`` or ``uploaded``."""
    if schedule.ical is None:
        return "shifts"
    return "uploaded" if schedule.ical == UPLOADED else "url"


@transaction.atomic
def reconcile_schedules(
    *, actor: Actor, workspace: Workspace, schedules: Mapping[str, Schedule]
) -> SchedulesReconciled:
    """Make the workspace's schedules what its policy's document says.

    One that is no longer declared keeps its row and its overrides, and says nothing any more.  What a
    calendar said is kept for as long as the schedule has the same source.
    """
    known = {
        one.name: one
        for one in OnCallSchedule.objects.select_for_update(no_key=True)
        .filter(workspace=workspace)
        .order_by("name")
    }
    changes = SchedulesReconciled()
    for name, declared in sorted(schedules.items()):
        spec = to_bytes(declared)
        held = known.get(name)
        if held is not None and held.active and bytes(held.spec or b"") == spec:
            continue
        is_new = held is None or not held.active
        if held is None:
            held = OnCallSchedule.objects.create(workspace=workspace, name=name, spec=spec)
        else:
            held.spec, held.active, held.changed_at = spec, True, ClockTimestamp()
            held.save(update_fields=["spec", "active", "changed_at"])
        (changes.created if is_new else changes.changed).append(name)
        kind = kinds.ScheduleCreated if is_new else kinds.ScheduleChanged
        _tell(actor, held, kind(name=name, source=source_of(declared)))
        _set_feed(held, declared)
    for name, held in known.items():
        if held.active and name not in schedules:
            held.spec, held.active, held.changed_at = None, False, ClockTimestamp()
            held.save(update_fields=["spec", "active", "changed_at"])
            changes.removed.append(name)
            _tell(actor, held, kinds.ScheduleRemoved(name=name))
            _drop_feed(held)
    return changes


def declared(workspace: Workspace) -> dict[str, Schedule]:
    """The schedules that the workspace's policy declares, by name."""
    found = OnCallSchedule.objects.filter(workspace=workspace, active=True).order_by("name")
    return {one.name: of_bytes(bytes(one.spec or b"")) for one in found}


def _set_feed(held: OnCallSchedule, declared: Schedule) -> None:
    """Have a feed where the schedule has a calendar, and a promise to read it where it has an address."""
    feed = Feed.objects.select_for_update(no_key=True).filter(schedule=held).first()
    source = "" if declared.ical in (None, UPLOADED) else declared.ical or ""
    if declared.ical is not None and feed is not None and feed.source == source:
        # What an all-day event means follows from the zone: an address is read anew.
        if source:
            _read_soon(held.workspace_id, feed.id)
        return
    _drop_feed(held)
    if declared.ical is not None:
        made = Feed.objects.create(workspace_id=held.workspace_id, schedule=held, source=source)
        if source:
            _read_soon(held.workspace_id, made.id)


def _drop_feed(held: OnCallSchedule) -> None:
    gone = list(Feed.objects.filter(schedule=held).values_list("id", flat=True))
    if gone:
        with connection.cursor() as cursor:
            cursor.execute(f"WITH {WITHDRAW_DUE} SELECT 1", {"due_withdrawn": gone})
        Feed.objects.filter(id__in=gone).delete()


def _read_soon(workspace: UUID, feed: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
        cursor.execute(f"WITH {WITHDRAW_DUE} SELECT 1", {"due_withdrawn": [feed]})
        promises = [Promise(READ, workspace, feed, now)]
        cursor.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows(promises))
    transaction.on_commit(partial(nudger.nudge, READ))


def _tell(actor: Actor, held: OnCallSchedule, data: kinds.Data) -> None:
    record(actor=actor, workspace=held.workspace_id, subject=("sch", held.id), data=data)
