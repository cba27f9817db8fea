"""Whether callbacks arrive, and how late, within the last hour and of all workspaces: for `oversight.metrics`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

#: Attempts of the last hour are counted up to here.
MOST: Final = 20_000

# By id, whose first bits are milliseconds: those of three hours are read, so that a host whose clock is
# wrong hides nothing.
_LATELY: Final = """
SELECT count(*) FILTER (WHERE a.status BETWEEN 200 AND 299),
       count(*) FILTER (WHERE a.status IS NULL OR a.status NOT BETWEEN 200 AND 299),
       percentile_disc(ARRAY[0.5, 0.95, 1]) WITHIN GROUP (
           ORDER BY CASE WHEN a.status BETWEEN 200 AND 299
                    THEN greatest(0, EXTRACT(EPOCH FROM a.at - c.created_at))::float8 END)
  FROM (
    SELECT tried.callback_id, tried.status, tried.at FROM callbacks_attempt AS tried
     WHERE tried.id > (SELECT (lpad(to_hex((EXTRACT(EPOCH FROM statement_timestamp() - interval '3 hours') * 1000)
                                           ::bigint), 12, '0') || repeat('0', 20))::uuid)
     ORDER BY tried.id DESC LIMIT %(most)s
  ) AS a
  JOIN callbacks_callback AS c ON c.id = a.callback_id
 WHERE a.at > statement_timestamp() - interval '1 hour'
"""


@dataclass(frozen=True, slots=True)
class Attempts:
    """How many arrived and failed; how late the arrived were, in seconds: half, 95 of 100, the latest."""

    arrived: int
    failed: int
    delay: tuple[float, float, float] | None


def attempts(conn: Connection[Any]) -> Attempts:
    """Of the last hour."""
    row = conn.execute(_LATELY, {"most": MOST}).fetchone()
    assert row is not None  # noqa: S101  # an aggregate always answers
    arrived, failed, delay = row
    if not arrived:
        return Attempts(arrived, failed, None)
    half, most, latest = delay
    return Attempts(arrived, failed, (half, most, latest))
