"""Whether callbacks arrive, after how many tries and how late: for `oversight.numbers`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

# Delivered ones were last tried when they arrived; whoever sends one again moves that on.
_ENDPOINTS: Final = """
WITH told AS ({submitted}),
counted AS (
    SELECT c.endpoint_id, count(*) AS callbacks, count(*) FILTER (WHERE c.state = 'delivered') AS delivered,
           count(*) FILTER (WHERE c.state = 'exhausted') AS exhausted,
           count(*) FILTER (WHERE c.state = 'stopped') AS stopped,
           count(*) FILTER (WHERE c.state = 'held') AS held,
           count(*) FILTER (WHERE c.state = 'pending') AS pending,
           count(*) FILTER (WHERE c.state = 'delivered' AND c.attempts = 1) AS first_try,
           percentile_disc(0.95) WITHIN GROUP (
               ORDER BY CASE c.state WHEN 'delivered' THEN c.attempts END) AS attempts,
           percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (
               ORDER BY CASE c.state WHEN 'delivered'
                        THEN greatest(0, EXTRACT(EPOCH FROM c.last_at - c.created_at))::float8 END) AS delay
      FROM told JOIN callbacks_callback AS c ON c.request_id = told.id
     GROUP BY c.endpoint_id
)
SELECT e.id, e.agent_id, e.origin, counted.callbacks, counted.delivered, counted.exhausted, counted.stopped,
       counted.held, counted.pending, counted.first_try, counted.attempts, counted.delay
  FROM counted JOIN callbacks_endpoint AS e ON e.id = counted.endpoint_id
 ORDER BY counted.callbacks DESC, e.id
"""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Callbacks to one endpoint; `delay` in seconds: what half and 95 of 100 of the delivered ones took."""

    endpoint: UUID
    agent: UUID
    origin: str
    callbacks: int
    delivered: int
    exhausted: int
    stopped: int
    held: int
    pending: int
    first_try: int
    attempts: int | None
    delay: list[float] | None


def endpoints(conn: Connection[Any], span: Mapping[str, Any], submitted: str) -> list[Delivered]:
    """By endpoint, those with most callbacks first.

    Args:
        submitted: a select of the ``id`` of the requests that they tell of; its parameters are in ``span``.
    """
    rows = conn.execute(_ENDPOINTS.format(submitted=submitted), dict(span)).fetchall()
    return [Delivered(*row) for row in rows]
