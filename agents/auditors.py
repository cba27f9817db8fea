"""Which auditor calls?  An auditor's key reads, verifies and exports the log, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from agents.authentication import check_row, presented_key

_READ: Final = """
SELECT k.hash, k.kind, k.expires_at, k.revoked_at, k.last_used_at, clock_timestamp(),
       k.id, k.workspace_id, k.name
  FROM agents_key k WHERE k.id = %s
"""


@dataclass(frozen=True, slots=True)
class AuditorContext:
    """The auditor behind a valid key."""

    key_id: UUID
    workspace_id: UUID
    name: str


def authenticate_auditor(conn: Connection[Any], header: str | None) -> AuditorContext:
    """The auditor behind an Authorization header, in one statement.

    Raises:
        Problem: 401 as for an agent's key, 403 for a key of another kind.
    """
    presented = presented_key(header, kind="aud")
    row = conn.execute(_READ, [presented.id]).fetchone()
    check_row(row, presented)
    assert row is not None  # noqa: S101  # it was held against the key
    return AuditorContext(*row[6:])
