"""Who is behind a session: the user as Django's backend finds them, in one prepared statement."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth.backends import ModelBackend

from core.db import pool
from people.models import User

_NAMES: Final = [field.attname for field in User._meta.concrete_fields]
_READ: Final = f"SELECT {', '.join(_NAMES)} FROM people_user WHERE id = %(id)s AND is_active"


class UserBackend(ModelBackend):
    """Django's backend for local users."""

    def get_user(self, user_id: Any) -> User | None:
        """The active user of this id, or None."""
        with pool().connection() as conn:
            row = conn.execute(_READ, {"id": user_id}, prepare=True).fetchone()
        return None if row is None else User.from_db("default", _NAMES, row)
