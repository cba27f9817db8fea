"""How much each person decides, how fast, and whether they agree: for `oversight.numbers`.

This is about people at work: `oversight.numbers.access` says who may see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals.numbers import SUBMITTED

#: An approval so soon after it was opened (`approvals.looks`) was given without reading.
FAST_MS: Final = 2_000

# A vote that was taken back was work all the same, but says nothing of whether people agree.
_VOTES: Final = f"""
submitted AS (SELECT r.id, r.workspace_id {SUBMITTED} {{voted}}),
votes AS MATERIALIZED (
    SELECT d.id, d.person_id, d.request_id, d.revision, d.stage, d.verdict, d.dwell_ms, d.at,
           d.void_at IS NULL AS counts, d.at - s.opened_at AS took
      FROM submitted
      JOIN approvals_decision AS d ON d.request_id = submitted.id
      JOIN approvals_stage AS s ON s.workspace_id = submitted.workspace_id
       AND s.request_id = d.request_id AND s.revision = d.revision AND s.index = d.stage
)
"""
# Approvals in a row have the same distance between their place among all votes and among approvals.
# All of it in one statement, so that the votes are read once: (what, person, counts, quantiles).
_COUNTED: Final = f"""
WITH {_VOTES},
own AS (SELECT * FROM votes WHERE {{mine}}),
placed AS (
    SELECT person_id, verdict,
           row_number() OVER (PARTITION BY person_id ORDER BY at, id)
         - row_number() OVER (PARTITION BY person_id, verdict = 'approve' ORDER BY at, id) AS streak
      FROM own
),
streaks AS (
    SELECT person_id, count(*) AS length FROM placed WHERE verdict = 'approve' GROUP BY person_id, streak
),
sides AS (
    SELECT person_id, verdict <> 'reject' AS yes, count(*) OVER stage AS several,
           count(*) FILTER (WHERE verdict <> 'reject') OVER stage AS said_yes
      FROM votes WHERE counts AND verdict IN ('approve', 'edit', 'reject')
    WINDOW stage AS (PARTITION BY request_id, revision, stage)
)
SELECT 'work', person_id,
       ARRAY[count(*), count(*) FILTER (WHERE verdict = 'approve'), count(*) FILTER (WHERE verdict = 'reject'),
             count(*) FILTER (WHERE verdict = 'edit'), count(*) FILTER (WHERE verdict = 'return'),
             count(*) FILTER (WHERE verdict = 'answer'), count(took)],
       percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (
           ORDER BY greatest(0, EXTRACT(EPOCH FROM took))::float8)
  FROM own GROUP BY person_id
UNION ALL
SELECT 'reading', person_id, ARRAY[count(*), count(*) FILTER (WHERE dwell_ms < %(fast_ms)s)], NULL
  FROM own WHERE verdict = 'approve' AND dwell_ms IS NOT NULL GROUP BY person_id
UNION ALL
SELECT 'streak', person_id, ARRAY[max(length)], NULL FROM streaks GROUP BY person_id
UNION ALL
SELECT 'agreeing', person_id,
       ARRAY[count(*), count(*) FILTER (WHERE CASE WHEN yes THEN said_yes < several ELSE said_yes > 0 END)], NULL
  FROM sides
 WHERE several > 1 AND {{mine}}
 GROUP BY person_id
UNION ALL
SELECT 'hour', person_id, ARRAY[EXTRACT(HOUR FROM at AT TIME ZONE %(zone)s)::bigint, count(*)], NULL
  FROM own GROUP BY person_id, EXTRACT(HOUR FROM at AT TIME ZONE %(zone)s)
"""
#: The work of everybody.
OF_ALL: Final = _COUNTED.format(voted="", mine="true")
#: The work of ``person``: of the requests that they voted on, so that looking at it costs what they did.
OF_ONE: Final = _COUNTED.format(
    voted="""AND r.id IN (
        SELECT of_person.request_id FROM approvals_decision AS of_person
         WHERE of_person.person_id = %(person)s)""",
    mine="person_id = %(person)s",
)


@dataclass(frozen=True, slots=True)
class Work:
    """One person's votes by verdict, and how long each took from the opening of its stage (`TOOK`)."""

    decisions: int
    approved: int
    rejected: int
    edited: int
    returned: int
    answered: int
    times: int
    quantiles: list[float] | None


@dataclass(frozen=True, slots=True)
class People:
    """What was counted, by person."""

    work: dict[UUID, Work]
    #: Approvals of who is known to have opened it, and of them those that came too soon to have read it.
    reading: dict[UUID, tuple[int, int]]
    streaks: dict[UUID, int]
    #: Votes at stages where others voted as well, and of them those that another contradicts.
    agreeing: dict[UUID, tuple[int, int]]
    #: By (person, hour from 0).
    hours: dict[tuple[UUID, int], int]


def people(conn: Connection[Any], span: Mapping[str, Any], person: UUID | None) -> People:
    """The work of everybody, or of one person."""
    values = {**span, "person": person, "fast_ms": FAST_MS}
    found = People({}, {}, {}, {}, {})
    statement = OF_ALL if person is None else OF_ONE
    for what, who, counts, quantiles in conn.execute(statement, values).fetchall():
        match what:
            case "work":
                found.work[who] = Work(*[*counts, quantiles])
            case "reading":
                found.reading[who] = (counts[0], counts[1])
            case "streak":
                found.streaks[who] = counts[0]
            case "agreeing":
                found.agreeing[who] = (counts[0], counts[1])
            case _:
                found.hours[who, counts[0]] = counts[1]
    return found
