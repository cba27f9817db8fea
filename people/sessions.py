"""Where sessions are kept: Django's own table and format, read in one prepared statement.

Every call of a person begins with this read; by the ORM it took longer than all the rest of the call.
Beside Django's row stands what people are shown of their sessions (`people.models.UserSession`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import connection, transaction

from core.db import pool

#: A session goes on while it is used, but no longer than this after its sign-in.
LONGEST: Final = timedelta(days=7)
_READ: Final = """
SELECT s.session_data, u.id, u.user_id, clock_timestamp() - u.signed_in_at, clock_timestamp() - u.proved_at,
       u.last_seen_at < clock_timestamp() - interval '1 minute'
  FROM django_session s LEFT JOIN people_session u ON u.session_key = s.session_key
 WHERE s.session_key = %(key)s AND s.expire_date > clock_timestamp()
   AND (u.id IS NULL OR u.signed_in_at > clock_timestamp() - %(longest)s)
"""
# Two calls at once write it once.
_SEEN: Final = """
UPDATE people_session SET last_seen_at = clock_timestamp()
 WHERE id = %(id)s AND last_seen_at < clock_timestamp() - interval '1 minute'
"""
_MOVE: Final = "UPDATE people_session SET session_key = %s WHERE session_key = %s"
#: A request that is on its way with the id of before is another one, of nobody.
_TAKE: Final = "DELETE FROM django_session WHERE session_key = %s"


@dataclass(frozen=True, slots=True)
class Standing:
    """A signed-in user's session: which, and how long ago it began and was last proven to be theirs."""

    id: UUID
    user_id: UUID
    age: timedelta
    proved_ago: timedelta


class SessionStore(DatabaseStore):
    """Django's store (`SESSION_ENGINE` names this module)."""

    _standing: Standing | None = None

    def load(self) -> dict[str, Any]:
        """What the session holds; nothing, and no key any more, where there is none that counts."""
        self._standing = None
        with pool().connection() as conn:
            values = {"key": self.session_key, "longest": LONGEST}
            row = conn.execute(_READ, values, prepare=True).fetchone()
            if row is not None and row[5]:
                conn.execute(_SEEN, {"id": row[1]}, prepare=True)
        if row is None:
            self._session_key = None
            return {}
        if row[1] is not None:
            self._standing = Standing(*row[1:5])
        held: dict[str, Any] = self.decode(row[0])
        return held

    @property
    def standing(self) -> Standing | None:
        """What is known of it as a user's session, when it was read; None: it is nobody's."""
        self._get_session()  # type: ignore[attr-defined]  # reads it, where that was not done yet
        return self._standing

    def cycle_key(self) -> None:
        """The same session under a new id; what is known of it goes along."""
        held, before = self._session, self.session_key  # type: ignore[attr-defined]
        with transaction.atomic(), connection.cursor() as cursor:
            self.create()
            self._session_cache = held
            if before:
                cursor.execute(_MOVE, [self.session_key, before])
                cursor.execute(_TAKE, [before])
                if cursor.rowcount == 0:
                    raise SessionInterrupted("This session was ended or renewed meanwhile.")
