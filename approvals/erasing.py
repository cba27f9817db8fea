"""Finding what is to be erased: requests and records by a text, or by their age.

What erases them is a function of the database (migration 0010), which `oversight` composes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

#: Whether bytes of JSON, and whether a text, hold what is looked for, in any case.
_JSON: Final = "position(%(json)s IN lower(convert_from({0}, 'UTF8'))) > 0"
_TEXT: Final = "position(%(text)s IN lower({0})) > 0"


def _any(places: Sequence[str], how: str) -> str:
    return " OR ".join(how.format(place) for place in places)


_CONTAINING: Final = f"""
SELECT r.id FROM approvals_request r
 WHERE r.workspace_id = %(workspace)s AND r.erased_at IS NULL AND (
    r.id = ANY(%(also)s)
    OR {_any(["r.title", "coalesce(r.idempotency_key, '')", "coalesce(r.callback_url, '')"], _TEXT)}
    OR {_JSON.format("r.stated")}
    OR EXISTS (SELECT 1 FROM approvals_revision v
                WHERE v.workspace_id = r.workspace_id AND v.request_id = r.id AND (
                    {_any(["v.payload", "coalesce(v.stated, '')"], _JSON)}
                    OR position(%(json)s IN lower((convert_from(v.plan, 'UTF8')::jsonb->'facts')::text)) > 0))
    OR EXISTS (SELECT 1 FROM approvals_decision d WHERE d.request_id = r.id AND (
                    {_TEXT.format("d.comment")} OR {_JSON.format("coalesce(d.answer, '')")}))
    OR EXISTS (SELECT 1 FROM approvals_message said WHERE said.request_id = r.id AND (
                    {_TEXT.format("said.text")} OR {_JSON.format("said.evidence")}))
    OR EXISTS (SELECT 1 FROM approvals_result told WHERE told.request_id = r.id
                AND {_TEXT.format("told.detail")})
    OR EXISTS (SELECT 1 FROM approvals_breakglass glass WHERE glass.request_id = r.id
                AND {_TEXT.format("glass.reason")})
    OR EXISTS (SELECT 1 FROM approvals_breakglassreview seen WHERE seen.request_id = r.id
                AND {_TEXT.format("seen.comment")})
    OR EXISTS (SELECT 1 FROM approvals_permit p WHERE p.request_id = r.id
                AND {_TEXT.format("coalesce(p.consume_key, '')")}))
 ORDER BY r.id LIMIT %(most)s
"""
_RECORDS_CONTAINING: Final = f"""
SELECT rec.id FROM approvals_recordedaction rec
 WHERE rec.workspace_id = %(workspace)s AND rec.erased_at IS NULL
   AND ({_TEXT.format("rec.title")} OR {_any(["rec.payload", "rec.stated"], _JSON)})
 ORDER BY rec.id LIMIT %(most)s
"""
_STANDING: Final = """
SELECT r.id, approvals_kept_for(r) FROM approvals_request r
 WHERE r.id = ANY(%(requests)s) AND r.workspace_id = %(workspace)s ORDER BY r.id
"""
_HELD: Final = """
SELECT id FROM unnest(%(requests)s::uuid[]) AS id
 WHERE id = ANY(%(held)s)
    OR EXISTS (SELECT 1 FROM unnest(%(people)s::uuid[]) AS one WHERE approvals_touched_by(ARRAY[id], one))
"""
_RUNS: Final = """
SELECT run, EXISTS (SELECT 1 FROM approvals_request r
                     WHERE r.run_id = run AND r.erased_at IS NULL AND r.id <> ALL(%(requests)s))
         OR EXISTS (SELECT 1 FROM approvals_recordedaction rec
                     WHERE rec.run_id = run AND rec.erased_at IS NULL AND rec.id <> ALL(%(records)s))
  FROM unnest(approvals_runs_of(%(requests)s, %(records)s)) AS run
"""
_AGED: Final = """
SELECT r.id, r.created_at FROM approvals_request r
 WHERE r.workspace_id = %(workspace)s AND r.created_at < %(before)s
   AND (%(after)s::timestamptz IS NULL OR r.created_at >= %(after)s)
   AND r.ended_at < %(before)s AND approvals_kept_for(r) IS NULL AND r.id <> ALL(%(held)s)
   AND NOT EXISTS (SELECT 1 FROM unnest(%(people)s::uuid[]) AS one
                    WHERE approvals_touched_by(ARRAY[r.id], one))
 ORDER BY r.created_at, r.id LIMIT %(most)s
"""
_RECORDS_AGED: Final = """
SELECT rec.id FROM approvals_recordedaction rec
 WHERE rec.workspace_id = %(workspace)s AND rec.at < %(before)s AND rec.erased_at IS NULL
 ORDER BY rec.at, rec.id LIMIT %(most)s
"""
_RUNS_FREE: Final = """
SELECT run FROM unnest(%(runs)s::uuid[]) AS run
 WHERE NOT EXISTS (SELECT 1 FROM approvals_request r WHERE r.run_id = run AND r.erased_at IS NULL)
   AND NOT EXISTS (SELECT 1 FROM approvals_recordedaction rec WHERE rec.run_id = run AND rec.erased_at IS NULL)
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What legal holds keep: requests, and whatever these people took part in."""

    requests: Sequence[UUID]
    people: Sequence[UUID]


def containing(
    conn: Connection[Any], workspace: UUID, needle: dict[str, str], also: Sequence[UUID], most: int
) -> tuple[list[UUID], list[UUID]]:
    """Requests and records of a workspace that hold a text anywhere, erased ones left out.

    Args:
        needle: the text in small letters: ``text`` as it is, ``json`` as it stands inside JSON.
        also: requests that hold it elsewhere.
    """
    values = {"workspace": workspace, "also": list(also), "most": most, **needle}
    requests = [row[0] for row in conn.execute(_CONTAINING, values)]
    return requests, [row[0] for row in conn.execute(_RECORDS_CONTAINING, values)]


def standing(
    conn: Connection[Any], workspace: UUID, requests: Sequence[UUID]
) -> dict[UUID, str | None]:
    """Why each of these requests is not to be erased now, in a word; None where it may be."""
    values = {"workspace": workspace, "requests": list(requests)}
    return dict(conn.execute(_STANDING, values).fetchall())


def held_among(conn: Connection[Any], requests: Sequence[UUID], held: Held) -> set[UUID]:
    """Those of these requests that legal holds keep."""
    values = {
        "requests": list(requests),
        "held": list(held.requests),
        "people": list(held.people),
    }
    return {row[0] for row in conn.execute(_HELD, values)}


def runs_of(
    conn: Connection[Any], requests: Sequence[UUID], records: Sequence[UUID]
) -> dict[UUID, bool]:
    """The runs of these, and whether others that are not erased belong to each."""
    values = {"requests": list(requests), "records": list(records)}
    return dict(conn.execute(_RUNS, values).fetchall())


def aged(
    conn: Connection[Any],
    workspace: UUID,
    *,
    before: datetime,
    after: datetime | None,
    held: Held,
    most: int,
) -> list[tuple[UUID, datetime]]:
    """Requests that ended before an instant and may be erased, with when they were created, in that order."""
    values = {
        "workspace": workspace,
        "before": before,
        "after": after,
        "held": list(held.requests),
        "people": list(held.people),
        "most": most,
    }
    return [(row[0], row[1]) for row in conn.execute(_AGED, values)]


def records_aged(conn: Connection[Any], workspace: UUID, before: datetime, most: int) -> list[UUID]:
    """Records from before an instant that were not erased."""
    values = {"workspace": workspace, "before": before, "most": most}
    return [row[0] for row in conn.execute(_RECORDS_AGED, values)]


def without_requests(conn: Connection[Any], runs: Sequence[UUID]) -> list[UUID]:
    """Those of these runs of which no request and no record is left that was not erased."""
    return [row[0] for row in conn.execute(_RUNS_FREE, {"runs": list(runs)})]
