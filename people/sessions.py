"""Where sessions are kept: Django's own table and format, read in one prepared statement.

Every call of a person begins with this read; by the ORM it took longer than all the rest of the call.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from core.db import pool

_READ: Final = """
SELECT session_data FROM django_session
 WHERE session_key = %(key)s AND expire_date > clock_timestamp()
"""


class SessionStore(DatabaseStore):
    """Django's store (`SESSION_ENGINE` names this module)."""

    def load(self) -> dict[str, Any]:
        """What the session holds; nothing, and no key any more, where there is none that counts."""
        with pool().connection() as conn:
            row = conn.execute(_READ, {"key": self.session_key}, prepare=True).fetchone()
        if row is None:
            self._session_key = None
            return {}
        held: dict[str, Any] = self.decode(row[0])
        return held
