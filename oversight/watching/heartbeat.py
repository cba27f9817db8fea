"""The heartbeat: a call to an address of the operator's, only while nothing is wrong.

Whoever listens there alarms when it stays away: because something is wrong here, because nothing runs
here any more, or because the way there is broken.  Silence is the alarm.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from psycopg import Connection

from core import failpoints, http
from core.db import pool

logger = logging.getLogger(__name__)

#: Once a minute: looks come every thirty seconds, and one that comes a moment early counts.
EVERY: Final = timedelta(seconds=55)
#: Where the broker is away, the beat itself waits for the answer.
DEADLINE_S: Final = 5.0
LONGEST_ERROR: Final = 200

# Only the newest turn speaks: a process that slept through its look knows nothing of the present.
_WANTED: Final = """
SELECT 1 FROM oversight_watch
 WHERE id = 1 AND turn = %(turn)s
   AND (beat_at IS NULL OR beat_at NOT BETWEEN clock_timestamp() - %(every)s AND clock_timestamp())
"""
_ARRIVED: Final = """
UPDATE oversight_watch SET beat_at = clock_timestamp(), beat_failing_since = NULL, beat_error = ''
 WHERE id = 1
"""
_FAILED: Final = """
UPDATE oversight_watch
   SET beat_failing_since = coalesce(beat_failing_since, clock_timestamp()), beat_error = %(error)s
 WHERE id = 1 AND turn = %(turn)s
"""

client: Final = http.Client(user_agent="Assentry")


def beat(turn: int) -> None:
    """Send it, if one is due; keep what came of it.  Nothing where no address is set."""
    url = settings.HEARTBEAT_URL
    if not url:
        return
    with pool().connection() as conn:
        if conn.execute(_WANTED, {"turn": turn, "every": EVERY}).fetchone() is None:
            return
    error = _send(url)
    failpoints.hit("heartbeat_after_send_before_record")
    with pool().connection() as conn:
        _record(conn, turn, error)


def _send(url: str) -> str:
    """Call the address; why it did not take the call, empty where it did."""
    try:
        answer = client.send("GET", url, headers={}, deadline_s=DEADLINE_S)
    except http.Failed as error:
        return error.detail
    return "" if 200 <= answer.status < 300 else f"It answered {answer.status}."


def _record(conn: Connection[Any], turn: int, error: str) -> None:
    if error:
        logger.warning("the heartbeat did not arrive: %s", error)
        conn.execute(_FAILED, {"turn": turn, "error": error[:LONGEST_ERROR]})
    else:
        conn.execute(_ARRIVED)
