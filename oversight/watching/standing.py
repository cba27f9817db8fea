"""How the watch stands: for the doctor, for health and metrics, for who looks after a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection

from oversight.watching import findings
from oversight.watching.findings import Found

#: Looks come every thirty seconds: so long without one, nobody looks.
SILENT_AFTER: Final = timedelta(minutes=2)

_READ: Final = """
SELECT looked_at, well_at, findings, beat_at, beat_failing_since, beat_error,
       looked_at <= clock_timestamp() - %(silent)s
  FROM oversight_watch WHERE id = 1
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """When somebody last looked, what they found, and how the heartbeat fares."""

    looked_at: datetime | None = None
    well_at: datetime | None = None
    found: tuple[Found, ...] = ()
    beat_at: datetime | None = None
    beat_failing_since: datetime | None = None
    beat_error: str = ""
    #: Somebody looked once, and nobody has for two minutes.
    silent: bool = False

    @property
    def well(self) -> bool:
        """Whether nothing is known to be wrong; also where nobody ever looked."""
        return not self.found and not self.silent


def standing(conn: Connection[Any]) -> Standing:
    """As it was kept; nobody looked where there is none."""
    row = conn.execute(_READ, {"silent": SILENT_AFTER}).fetchone()
    if row is None:
        return Standing()
    looked_at, well_at, kept, beat_at, failing_since, error, silent = row
    found = tuple(findings.decode(bytes(kept)))
    return Standing(looked_at, well_at, found, beat_at, failing_since, error, bool(silent))
