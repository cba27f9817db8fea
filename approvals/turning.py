"""Keeps the due kinds ``absence.turn`` and ``schedule.turn``: who is asked, or on duty, is another now.

The first is written where an absence is declared, for its beginning and its end, and where it is ended
(`people.absences`); the second by a trigger where a schedule, an override or a calendar changes (people
0007).  What waits for them is told anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from approvals.ends import inbox_of
from core import due, failpoints
from core.db import nudge_later, pool
from core.due import PROMISE_FROM, Claimed
from core.nudge import nudger
from notifications.sql import TELL
from people.sql import MEMBERSHIP_IS_VALID, VALID_MEMBERSHIPS

#: Whom an absence concerns: who is away, and those whose stand-in is away with it.  What they are asked
#: waits at an open stage that asks a role of theirs, or their confirmation.
_AGAIN: Final = f"""
WITH concerned AS MATERIALIZED (
    SELECT ab.workspace_id, ab.person_id FROM people_absence ab WHERE ab.id = ANY(%(absences)s)
     UNION
    SELECT other.workspace_id, other.person_id
      FROM people_absence ab
      JOIN people_absence other ON other.workspace_id = ab.workspace_id AND other.stand_in_id = ab.person_id
     WHERE ab.id = ANY(%(absences)s) AND other.ended_at IS NULL AND other.ends_at > clock_timestamp()
),
held AS MATERIALIZED (
    SELECT c.workspace_id, array_agg(DISTINCT m.role_id) AS roles
      FROM concerned c JOIN ({VALID_MEMBERSHIPS}) ON m.person_id = c.person_id
     WHERE {MEMBERSHIP_IS_VALID}
     GROUP BY c.workspace_id
),
waiting AS (
    SELECT r.workspace_id, r.id AS subject, clock_timestamp() AS due_at
      FROM (SELECT DISTINCT workspace_id FROM concerned) AS here
      JOIN approvals_request r ON r.workspace_id = here.workspace_id AND r.status = 'pending'
      JOIN agents_agent agent ON agent.id = r.agent_id
      JOIN approvals_stage s
        ON s.workspace_id = r.workspace_id AND s.request_id = r.id AND s.revision = r.revision
       AND s.index = r.stage
      LEFT JOIN held ON held.workspace_id = r.workspace_id
     WHERE (s.confirm IS NULL AND s.roles && held.roles)
        OR (s.confirm IS NOT NULL AND EXISTS (
               SELECT 1 FROM concerned c WHERE c.person_id IN (agent.owner_id, r.initiator_id)))
),
{PROMISE_FROM.format(name="told", kind=TELL, source="waiting")}
SELECT count(*) FROM waiting
"""


#: What waits at an open stage that asks a role whose schedule this is.
_ON_DUTY: Final = f"""
WITH waiting AS (
    SELECT DISTINCT r.workspace_id, r.id AS subject, clock_timestamp() AS due_at
      FROM people_oncallschedule sched
      JOIN people_role ro ON ro.workspace_id = sched.workspace_id AND ro.schedule = sched.name
      JOIN approvals_request r ON r.workspace_id = sched.workspace_id AND r.status = 'pending'
      JOIN approvals_stage s
        ON s.workspace_id = r.workspace_id AND s.request_id = r.id AND s.revision = r.revision
       AND s.index = r.stage AND ro.id = ANY(s.roles)
     WHERE sched.id = ANY(%(schedules)s)
),
{PROMISE_FROM.format(name="told", kind=TELL, source="waiting")}
SELECT count(*) FROM waiting
"""
#: The due kind of a schedule by which somebody else may be on duty now (subject: the schedule).
DUTY_TURN: Final = "schedule.turn"


def duty_turns(claimed: Sequence[Claimed]) -> None:
    """Have what those on duty by these schedules are asked told anew.

    Raises:
        LostLease: somebody else has claimed a row meanwhile; nothing was done.
    """
    with pool().connection() as conn, conn.transaction():
        due.finish(conn, claimed)
        conn.execute(_ON_DUTY, {"schedules": list({row.subject for row in claimed})})
        nudge_later(conn, TELL)


def turn_due(claimed: Sequence[Claimed]) -> None:
    """Have what these absences concern told anew.

    Raises:
        LostLease: somebody else has claimed a row meanwhile; nothing was done.
    """
    with pool().connection() as conn, conn.transaction():
        due.finish(conn, claimed)
        conn.execute(_AGAIN, {"absences": [row.subject for row in claimed]})
        nudge_later(conn, TELL)
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(*{inbox_of(row.workspace) for row in claimed})
