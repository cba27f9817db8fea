"""Moving time: not by sleeping or patching clocks, but by moving what a request remembers of it.

The product asks the database's clock everywhere, so a request whose rows all lie three hours
earlier is a request three hours later.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from core import ids

_LOOKS = "UPDATE approvals_look SET at = at - %(by)s WHERE request_id = %(request)s"
# As the owner: the runtime role may not rewrite history either, and ends are final for it too.
_MOVES = (
    """UPDATE approvals_request SET created_at = created_at - %(by)s, expires_at = expires_at - %(by)s
        WHERE id = %(request)s""",
    "UPDATE approvals_revision SET created_at = created_at - %(by)s WHERE request_id = %(request)s",
    """UPDATE approvals_stage SET opened_at = opened_at - %(by)s, closed_at = closed_at - %(by)s,
              paused_at = paused_at - %(by)s
        WHERE request_id = %(request)s""",
    """UPDATE approvals_decision SET at = at - %(by)s, void_at = void_at - %(by)s
        WHERE request_id = %(request)s""",
    _LOOKS,
    """UPDATE approvals_request SET use_by = use_by - %(by)s
        WHERE id = %(request)s AND permit_state IN ('open', 'issued')""",
    """UPDATE approvals_permit SET issued_at = issued_at - %(by)s, expires_at = expires_at - %(by)s
        WHERE request_id = %(request)s AND consumed_at IS NULL AND revoked_at IS NULL""",
    """UPDATE core_due SET due_at = due_at - %(by)s, ready_at = ready_at - %(by)s
        WHERE subject = %(request)s""",
)


#: An end is final for its owner, too: whoever may drop the trigger moves it.
_AGE = (
    "ALTER TABLE approvals_request DISABLE TRIGGER request_end_is_final",
    """UPDATE approvals_request SET created_at = created_at - %(by)s, expires_at = expires_at - %(by)s,
              ended_at = ended_at - %(by)s WHERE id = %(request)s""",
    "ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER request_end_is_final",
    """UPDATE agents_run SET created_at = created_at - %(by)s, ended_at = ended_at - %(by)s
        WHERE id = (SELECT run_id FROM approvals_request WHERE id = %(request)s)""",
)


def age(request_id: str, **by: float) -> None:
    """Let time have passed since a request ended, and since its run did: ``age(request_id, days=31)``."""
    values: dict[str, Any] = {"request": ids.decode("req", request_id), "by": timedelta(**by)}
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        for statement in _AGE:
            cursor.execute(statement, values)


def looks_older(request_id: UUID, **by: float) -> None:
    """Let time pass for who has a request before them, and for nothing else of it."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        values: dict[str, Any] = {"request": request_id, "by": timedelta(**by)}
        cursor.execute(_LOOKS, values)


def travel(request_id: UUID | str, **by: float) -> None:
    """Let time pass for one pending request: ``travel(request_id, hours=3)``.

    Args:
        request_id: its UUID or TypeID.
        by: as `datetime.timedelta` takes it.
    """
    wanted = request_id if isinstance(request_id, UUID) else ids.decode("req", request_id)
    values: dict[str, Any] = {"request": wanted, "by": timedelta(**by)}
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        for statement in _MOVES:
            cursor.execute(statement, values)
