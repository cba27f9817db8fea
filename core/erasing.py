"""Erasures and whoever makes new bytes of what is erased take turns, workspace by workspace.

Locks of PostgreSQL that end with the transaction; the functions of migrations (oversight 0003) take the
first one, too.
"""

from __future__ import annotations

from typing import Final

#: Nobody else erases in, or makes bytes of, ``%(workspace)s`` until this transaction ends.
ALONE: Final = """
SELECT pg_advisory_xact_lock(hashtextextended('assentry erasure ' || %(workspace)s::uuid, 0))
"""
#: Nothing of ``%(workspaces)s`` is erased until this transaction ends; in one order, whoever asks.
BESIDE: Final = """
SELECT pg_advisory_xact_lock_shared(hashtextextended('assentry erasure ' || one, 0))
  FROM (SELECT DISTINCT unnest(%(workspaces)s::uuid[]) AS one ORDER BY 1) AS ordered
"""
