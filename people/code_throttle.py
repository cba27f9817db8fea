"""How often a user's second factor may be wrong, counted in PostgreSQL for every process.

A count of its own: whoever gets this far knows the password.  A passkey cannot be guessed, is not
counted, and works while codes are shut.  A try is written down before the code is looked at, as in
`people.throttle`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from core.problems import too_many
from people.models import CodeFailure, User

#: Three of a million codes are right at a time, so a day of guesses hits one in some ten thousand.
SOON: Final = (5, timedelta(minutes=5))
LATER: Final = (30, timedelta(hours=24))

_LOOK: Final = """
SELECT clock_timestamp(), (
    SELECT max(released) FROM (
        SELECT (array_agg(at ORDER BY at DESC))[%(soon)s] + %(soon_s)s AS released FROM people_codefailure
         WHERE user_id = %(user)s AND at > clock_timestamp() - %(soon_s)s
        UNION ALL
        SELECT (array_agg(at ORDER BY at DESC))[%(later)s] + %(later_s)s FROM people_codefailure
         WHERE user_id = %(user)s AND at > clock_timestamp() - %(later_s)s
    ) windows)
"""
_FORGET: Final = "DELETE FROM people_codefailure WHERE at < clock_timestamp() - interval '2 days'"


def begin(user: UUID) -> UUID:
    """Count one try, unless there were too many; its id, for `forgive`.

    Raises:
        Problem: 429 with Retry-After.
    """
    values: dict[str, Any] = {
        "user": user,
        "soon": SOON[0],
        "soon_s": SOON[1],
        "later": LATER[0],
        "later_s": LATER[1],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        User.objects.select_for_update(no_key=True).get(id=user)
        cursor.execute(_LOOK, values)
        now, released = cursor.fetchone()
        if released is not None and released > now:
            raise too_many(
                "Too many wrong codes. Wait before the next try, or use a passkey.",
                retry_after_s=(released - now).total_seconds(),
                code="code_throttled",
            )
        failure = CodeFailure.objects.create(user_id=user)
        cursor.execute(_FORGET)
    return failure.id


def forgive(tried: UUID) -> None:
    """The code was right: this try was no failure.  The others stay: who guesses signs in as well."""
    CodeFailure.objects.filter(id=tried).delete()
