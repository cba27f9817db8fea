"""How much each person decides, how fast, and whether they agree: for `oversight.numbers`.

This is about people at work: `oversight.numbers.access` says who may see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals.numbers import SUBMITTED, TOOK
from notifications.numbers import SHOWN_TO

#: An approval so soon after the page was opened was given without reading.
FAST_S: Final = 2
#: The channels whose page notes when it was first shown.  A message in Slack is there before anybody looks.
PAGES: Final = ("web", "email")

# A vote that was taken back was work all the same, but says nothing of whether people agree.
_VOTES: Final = f"""
submitted AS (SELECT r.id, r.workspace_id {SUBMITTED}),
votes AS MATERIALIZED (
    SELECT d.id, d.person_id, d.request_id, d.revision, d.stage, d.verdict, d.channel, d.at,
           d.void_at IS NULL AS counts, d.at - s.opened_at AS took
      FROM submitted
      JOIN approvals_decision AS d ON d.request_id = submitted.id
      JOIN approvals_stage AS s ON s.workspace_id = submitted.workspace_id
       AND s.request_id = d.request_id AND s.revision = d.revision AND s.index = d.stage
)
"""
_WORK: Final = f"""
WITH {_VOTES}
SELECT person_id, count(*), count(*) FILTER (WHERE verdict = 'approve'),
       count(*) FILTER (WHERE verdict = 'reject'), count(*) FILTER (WHERE verdict = 'edit'),
       count(*) FILTER (WHERE verdict = 'return'), count(*) FILTER (WHERE verdict = 'answer'),
       {TOOK.format(interval="took")}
  FROM votes WHERE %(person)s::uuid IS NULL OR person_id = %(person)s::uuid
 GROUP BY person_id
"""
_READING: Final = f"""
WITH {_VOTES}
SELECT v.person_id, count(*), count(*) FILTER (WHERE v.at - seen.shown_at < make_interval(secs => %(fast)s))
  FROM votes AS v
 CROSS JOIN LATERAL (
    {SHOWN_TO.format(person="v.person_id", request="v.request_id", revision="v.revision", stage="v.stage")}
 ) AS seen
 WHERE v.verdict = 'approve' AND v.channel = ANY(%(pages)s) AND seen.shown_at <= v.at
   AND (%(person)s::uuid IS NULL OR v.person_id = %(person)s::uuid)
 GROUP BY v.person_id
"""
# Approvals in a row have the same distance between their place among all votes and among approvals.
_STREAKS: Final = f"""
WITH {_VOTES},
placed AS (
    SELECT person_id, verdict,
           row_number() OVER (PARTITION BY person_id ORDER BY at, id)
         - row_number() OVER (PARTITION BY person_id, verdict = 'approve' ORDER BY at, id) AS streak
      FROM votes WHERE %(person)s::uuid IS NULL OR person_id = %(person)s::uuid
),
streaks AS (
    SELECT person_id, count(*) AS length FROM placed WHERE verdict = 'approve' GROUP BY person_id, streak
)
SELECT person_id, max(length) FROM streaks GROUP BY person_id
"""
_AGREEING: Final = f"""
WITH {_VOTES},
sides AS (
    SELECT person_id, verdict <> 'reject' AS yes, count(*) OVER stage AS several,
           count(*) FILTER (WHERE verdict <> 'reject') OVER stage AS said_yes
      FROM votes WHERE counts AND verdict IN ('approve', 'edit', 'reject')
    WINDOW stage AS (PARTITION BY request_id, revision, stage)
)
SELECT person_id, count(*), count(*) FILTER (WHERE CASE WHEN yes THEN said_yes < several ELSE said_yes > 0 END)
  FROM sides
 WHERE several > 1 AND (%(person)s::uuid IS NULL OR person_id = %(person)s::uuid)
 GROUP BY person_id
"""
_HOURS: Final = f"""
WITH {_VOTES}
SELECT person_id, EXTRACT(HOUR FROM at AT TIME ZONE %(zone)s)::int, count(*)
  FROM votes WHERE %(person)s::uuid IS NULL OR person_id = %(person)s::uuid
 GROUP BY 1, 2
"""


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

    work: Mapping[UUID, Work]
    #: Approvals whose page was noted when it was shown, and of them those that came too soon to have read it.
    reading: Mapping[UUID, tuple[int, int]]
    streaks: Mapping[UUID, int]
    #: Votes at stages where others voted as well, and of them those that another contradicts.
    agreeing: Mapping[UUID, tuple[int, int]]
    #: By (person, hour from 0).
    hours: Mapping[tuple[UUID, int], int]


def people(conn: Connection[Any], span: Mapping[str, Any], person: UUID | None) -> People:
    """The work of everybody, or of one person."""
    values = {**span, "person": person, "fast": FAST_S, "pages": list(PAGES)}

    def rows(statement: str) -> list[tuple[Any, ...]]:
        return conn.execute(statement, values).fetchall()

    return People(
        work={who: Work(*counts) for who, *counts in rows(_WORK)},
        reading={who: (shown, fast) for who, shown, fast in rows(_READING)},
        streaks=dict(rows(_STREAKS)),
        agreeing={who: (several, against) for who, several, against in rows(_AGREEING)},
        hours={(who, hour): count for who, hour, count in rows(_HOURS)},
    )
