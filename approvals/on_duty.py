"""Whom of those who could decide a request is for: the ones on duty, where their role has a schedule.

Duty says who is told, not who may decide.  Where nobody who could decide is on duty, everybody in the role
is told: a request of which nobody hears is the worst that can happen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from core.due import PROMISE_FROM
from notifications.lining_up import Told
from notifications.sql import TELL
from people import absences
from people.schedules import duty
from policies.terms import Document

#: Once, however often it is looked at meanwhile.
_HANDOVER: Final = f"""
WITH handed AS (
    SELECT * FROM unnest(%(workspaces)s::uuid[], %(subjects)s::uuid[], %(at)s::timestamptz[])
        AS h (workspace_id, subject, due_at)
     WHERE NOT EXISTS (
           SELECT 1 FROM core_due d
            WHERE d.subject = h.subject AND d.kind = '{TELL}' AND d.due_at = h.due_at)
),
{PROMISE_FROM.format(name="promised", kind=TELL, source="handed")}
SELECT 1
"""


def narrowed(
    conn: Connection[Any], told: Sequence[Told], documents: Mapping[UUID, Document], now: datetime
) -> list[Told]:
    """The same requests, each for those on duty; their next handover is promised to be looked at."""
    found: list[Told] = []
    handed: list[tuple[Told, datetime]] = []
    for one in told:
        scheduled = _scheduled(one, documents.get(one.workspace))
        if not scheduled:
            found.append(one)
            continue
        names = set(scheduled.values())
        on = _present(conn, one, duty.on_duty(conn, one.workspace, names, now))
        found.append(replace(one, asked=those_on_duty(one.asked, scheduled, on)))
        change = duty.next_change(conn, one.workspace, names, now)
        if change is not None and change < one.expires_at:
            handed.append((one, change))
    if handed:
        values = {
            "workspaces": [one.workspace for one, _ in handed],
            "subjects": [one.request for one, _ in handed],
            "at": [at for _, at in handed],
        }
        conn.execute(_HANDOVER, values)
    return found


def _present(
    conn: Connection[Any], told: Told, on: Mapping[str, Collection[UUID]]
) -> dict[str, set[UUID]]:
    """Who is on duty and not away, and in the place of who is, who stands in."""
    if not told.away & {person for people in on.values() for person in people}:
        return {name: set(people) for name, people in on.items()}
    away = absences.absent_now(conn, told.workspace)
    return {name: absences.present(people, away) for name, people in on.items()}


def _scheduled(told: Told, document: Document | None) -> dict[str, str]:
    """The schedules of the roles that are asked, by role."""
    if document is None or not told.pending:
        return {}
    roles = (document.roles.get(name) for name in told.roles)
    return {role.name: role.schedule for role in roles if role is not None and role.schedule}


def those_on_duty(
    asked: Mapping[UUID, tuple[str, ...]],
    scheduled: Mapping[str, str],
    on: Mapping[str, Collection[UUID]],
) -> dict[UUID, tuple[str, ...]]:
    """Those of the asked who are told, with the roles that make it so.  Pure.

    Args:
        asked: who could decide and has not, with their roles.
        scheduled: the schedule of a role, where it has one.
        on: who is on duty by each schedule; one that is not declared any more is left out.
    """
    told: dict[UUID, tuple[str, ...]] = {}
    by_role: dict[str, set[UUID]] = {}
    for person, roles in asked.items():
        for role in roles:
            by_role.setdefault(role, set()).add(person)
    kept = {}
    for role, people in by_role.items():
        those = people & set(on.get(scheduled.get(role, ""), ()))
        kept[role] = those or people
    for person, roles in asked.items():
        told_in = tuple(role for role in roles if person in kept[role])
        if told_in or not roles:
            told[person] = told_in
    return told
