"""Which keys still count: asked each second about all keys under which somebody waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from core.db import pool

_ALIVE: Final = """
SELECT id FROM agents_key
 WHERE id = ANY(%s) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
"""


def alive_keys(key_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these keys that are neither revoked nor expired, in one statement."""
    with pool().connection() as conn:
        return {row[0] for row in conn.execute(_ALIVE, [list(key_ids)], prepare=True)}
