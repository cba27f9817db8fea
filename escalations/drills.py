"""Drills: messages through the real channels that ask nothing, and a report of who was reached and how fast."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from psycopg import Connection

from approvals.access import Reader
from audit import kinds
from audit.actor import Actor
from audit.log import INSERT_EVENTS, Fact, event_rows, record
from core import ids
from core.clock import ClockTimestamp
from core.db import pool
from core.problems import FieldError, conflict, forbidden, invalid, not_found
from escalations import rehearsing
from escalations.models import DrillPerson
from notifications import drills as messages
from notifications.drills import Message
from people.sql import NAME_OF
from policies import active
from policies.terms import Document

#: Another one of a workspace is started no sooner: nobody is to be rung twice by one press too many.
APART: Final = timedelta(minutes=1)
#: So many are listed.
NEWEST: Final = 50
_HOLD: Final = "SELECT 1 FROM people_workspace WHERE id = %s FOR NO KEY UPDATE"
_LAST: Final = """
SELECT clock_timestamp(), count(*) FILTER (WHERE created_at > clock_timestamp() - %(apart)s::interval) > 0
  FROM escalations_drill WHERE workspace_id = %(workspace)s
"""
_START: Final = f"""
WITH started AS (
    INSERT INTO escalations_drill (id, workspace_id, role, started_by_id, created_at)
    VALUES (%(drill)s, %(workspace)s, %(role)s, %(by)s, %(at)s)
),
people AS (
    INSERT INTO escalations_drillperson (id, workspace_id, drill_id, person_id, roles)
    SELECT p.id, %(workspace)s, %(drill)s, p.person, ARRAY(SELECT json_array_elements_text(p.roles))
      FROM unnest(%(ids)s::uuid[], %(people)s::uuid[], %(roles)s::json[]) AS p (id, person, roles)
),
{INSERT_EVENTS}
SELECT 1
"""
_PEOPLE: Final = f"""
SELECT dp.person_id, {NAME_OF.format(person="dp.person_id")}, dp.roles, dp.seen_at, dp.confirmed_at
  FROM escalations_drillperson dp
 WHERE dp.workspace_id = %(workspace)s AND dp.drill_id = %(drill)s
 ORDER BY 2, 1
"""
_HEAD: Final = f"""
SELECT d.id, d.role, {NAME_OF.format(person="d.started_by_id")}, d.created_at,
       count(dp.id), count(dp.confirmed_at)
  FROM escalations_drill d LEFT JOIN escalations_drillperson dp ON dp.drill_id = d.id
 WHERE d.workspace_id = %(workspace)s AND (%(drill)s::uuid IS NULL OR d.id = %(drill)s)
   AND (%(person)s::uuid IS NULL OR EXISTS (
        SELECT 1 FROM escalations_drillperson own WHERE own.drill_id = d.id AND own.person_id = %(person)s))
 GROUP BY d.id ORDER BY d.id DESC LIMIT %(most)s
"""
_SEEN: Final = """
UPDATE escalations_drillperson SET seen_at = clock_timestamp()
 WHERE drill_id = %(drill)s AND person_id = %(person)s AND seen_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Head:
    """A drill in a list; ``role`` is empty for all roles, ``by`` is None for an operator."""

    id: UUID
    role: str
    by: str | None
    created_at: datetime
    people: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody whom a drill is for, and what came of it."""

    person: UUID
    name: str
    roles: tuple[str, ...]
    messages: tuple[Message, ...]
    seen_at: datetime | None
    confirmed_at: datetime | None

    @property
    def reached(self) -> bool:
        """Whether a channel took a message for them, or they were there."""
        return self.seen_at is not None or any(one.state == "sent" for one in self.messages)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a drill so far; ``places`` went to channels of roles' own."""

    head: Head
    people: tuple[Reached, ...]
    places: tuple[Message, ...]

    @property
    def unreached(self) -> tuple[str, ...]:
        """The names of those whom nothing has reached."""
        return tuple(one.name for one in self.people if not one.reached)

    @property
    def settled(self) -> bool:
        """Whether every message was sent or has failed."""
        sent = [*self.places, *(message for one in self.people for message in one.messages)]
        return all(one.state != "pending" for one in sent)


def start(*, actor: Actor, workspace: UUID, role: str | None) -> UUID:
    """Send a drill to everybody who would be told now of a request that asks a role; its id.

    Args:
        role: its name; None: all roles of the policy.

    Raises:
        Problem: 409 ``no_policy``, ``drill_running``; 422 at ``/role``.
    """
    with pool().connection() as conn, conn.transaction():
        # One at a time, so that two presses at once see each other.
        conn.execute(_HOLD, [workspace])
        last = conn.execute(_LAST, {"workspace": workspace, "apart": APART}).fetchone()
        assert last is not None  # noqa: S101  # an aggregate always answers
        now, recent = last
        if recent:
            raise conflict("drill_running", "A drill was started less than a minute ago.")
        document = active.document_of(conn, workspace)
        if document is None:
            raise conflict("no_policy", "This workspace has no policy yet, so nobody is asked.")
        if role is not None and role not in document.roles:
            detail = f"The policy has no such role: it has {', '.join(document.roles)}."
            raise invalid([FieldError("/role", "unknown_role", detail)])
        roles = list(document.roles) if role is None else [role]
        drill = ids.uuid7()
        people, wrote = _tell(conn, workspace, drill, document, roles, now)
        data = kinds.DrillStarted(role=role or "", people=len(people), messages=wrote)
        values = {
            "drill": drill,
            "workspace": workspace,
            "role": role or "",
            "by": actor.id if actor.kind == "person" else None,
            "at": now,
            "ids": [ids.uuid7() for _ in people],
            "people": list(people),
            "roles": [json.dumps(held) for held in people.values()],
            **event_rows([Fact(workspace, actor, ("drl", drill), data)], now),
        }
        conn.execute(_START, values)
    return drill


def _tell(
    conn: Connection[Any],
    workspace: UUID,
    drill: UUID,
    document: Document,
    roles: Sequence[str],
    now: datetime,
) -> tuple[dict[UUID, tuple[str, ...]], int]:
    """Write the messages; who it is for, with the roles that make it so, and how many messages there are."""
    cast = rehearsing.cast_of(conn, workspace, roles, begin=now, until=now + APART)
    could = cast.could_decide(roles, now, ())
    asked = {person: tuple(seats) for person, seats in could.items()}
    people = cast.told_of(asked, roles, now)
    wrote = messages.tell(
        conn,
        workspace=workspace,
        drill=drill,
        url=url_of(drill),
        people=people,
        slack={name: one.slack for name, one in document.roles.items() if one.slack},
        roles=roles,
        defaults=cast.defaults,
        now=now,
    )
    return people, wrote


def url_of(drill: UUID) -> str:
    """Where somebody says that they are there."""
    return f"{settings.BASE_URL}/drills/{ids.encode('drl', drill)}"


def must_administer(reader: Reader) -> None:
    """Administrators start drills, and read all that came of them.

    Raises:
        Problem: 403 ``not_administrator``.
    """
    if "administer" not in reader.permissions:
        raise forbidden("Only administrators start drills.", code="not_administrator")


def newest(*, reader: Reader) -> list[Head]:
    """The latest drills, the newest first: all for administrators, else those that the reader was in."""
    return _heads(reader.workspace_id, None, _own(reader))


def report(*, reader: Reader, drill: UUID) -> Report:
    """What came of a drill; who does not administer the workspace sees their own part.

    Raises:
        Problem: 404 no such drill, or one that the reader was not in.
    """
    return whole(workspace=reader.workspace_id, drill=drill, only=_own(reader))


def whole(*, workspace: UUID, drill: UUID, only: UUID | None = None) -> Report:
    """What came of a drill; for one person, their part.

    Raises:
        Problem: 404 no such drill, or not one of theirs.
    """
    heads = _heads(workspace, drill, only)
    if not heads:
        raise not_found()
    with pool().connection() as conn:
        sent = messages.sent(conn, workspace, drill)
        rows = conn.execute(_PEOPLE, {"workspace": workspace, "drill": drill}).fetchall()
    people = tuple(
        Reached(
            person,
            name,
            tuple(roles),
            tuple(one for one in sent if one.person == person),
            seen_at,
            confirmed_at,
        )
        for person, name, roles, seen_at, confirmed_at in rows
        if only is None or person == only
    )
    places = tuple(one for one in sent if one.person is None) if only is None else ()
    return Report(heads[0], people, places)


def seen(*, reader: Reader, drill: UUID) -> None:
    """Note that somebody has opened its page, where it is for them; the first time counts."""
    with pool().connection() as conn:
        conn.execute(_SEEN, {"drill": drill, "person": reader.person_id})


@transaction.atomic
def confirm(*, actor: Actor, reader: Reader, drill: UUID) -> bool:
    """Somebody says that they are there; false where they have said so.

    Raises:
        Problem: 404 no such drill, or one that is not for them.
    """
    held = (
        DrillPerson.objects.select_for_update(no_key=True)
        .filter(workspace_id=reader.workspace_id, drill_id=drill, person_id=reader.person_id)
        .first()
    )
    if held is None:
        raise not_found()
    if held.confirmed_at is not None:
        return False
    now = ClockTimestamp()
    fields = {"confirmed_at": now} | ({} if held.seen_at else {"seen_at": now})
    DrillPerson.objects.filter(id=held.id).update(**fields)
    record(
        actor=actor,
        workspace=reader.workspace_id,
        subject=("drl", drill),
        data=kinds.DrillConfirmed(),
    )
    return True


def _own(reader: Reader) -> UUID | None:
    return None if "administer" in reader.permissions else reader.person_id


def _heads(workspace: UUID, drill: UUID | None, person: UUID | None) -> list[Head]:
    values = {"workspace": workspace, "drill": drill, "person": person, "most": NEWEST}
    with pool().connection() as conn:
        return [Head(*row) for row in conn.execute(_HEAD, values).fetchall()]
