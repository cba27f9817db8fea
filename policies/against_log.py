"""The versions of a policy as the database has them, held against what the log tells of them."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit import history
from audit.live import Wrong
from core import canonical, ids

_VERSIONS: Final = """
SELECT id, number, digest, text FROM policies_policyversion
 WHERE workspace_id = %(workspace)s AND id = ANY(%(ids)s)
"""
_ALL: Final = """
SELECT id FROM policies_policyversion WHERE workspace_id = %(workspace)s ORDER BY number
"""
_ACTIVE: Final = "SELECT active_id FROM policies_policy WHERE workspace_id = %(workspace)s"


def check(conn: Connection[Any], workspace: UUID) -> int:
    """Hold every version against the log; return how many there are.

    Args:
        conn: with REPEATABLE READ, so that rows and events are of one instant.

    Raises:
        Wrong: the first one, in the order of the log, that differs.
    """
    newest: tuple[int, UUID] | None = None
    known: set[UUID] = set()
    with conn.transaction():
        for page in history.subjects_of(conn, workspace, ["policy.applied"]):
            versions = [version for _, version in page]
            _hold(conn, workspace, page)
            known.update(versions)
            newest = page[-1]
        values = {"workspace": workspace}
        every = [row[0] for row in conn.execute(_ALL, values)]
        active = conn.execute(_ACTIVE, values).fetchone()
        waiting = history.about(conn, workspace, [each for each in every if each not in known])
    untold = [version for version, told in waiting.items() if not told]
    if untold:
        raise Wrong("The log does not tell of this version.", about=ids.encode("pol", untold[0]))
    if not waiting and newest is not None and (active is None or active[0] != newest[1]):
        why = "The active version of the policy is not the one that was applied last."
        raise Wrong(why, position=newest[0], about=ids.encode("pol", newest[1]))
    return len(every)


def _hold(conn: Connection[Any], workspace: UUID, page: list[tuple[int, UUID]]) -> None:
    asked = [version for _, version in page]
    values = {"workspace": workspace, "ids": asked}
    rows = {row[0]: row for row in conn.execute(_VERSIONS, values)}
    told = history.about(conn, workspace, asked)
    for position, version in page:
        about = ids.encode("pol", version)
        row = rows.get(version)
        if row is None:
            raise Wrong("This version of the policy is gone.", position=position, about=about)
        data = told[version][0].data
        digest = canonical.digest(row[3].encode())
        if (data["number"], data["digest"]) != (
            row[1],
            canonical.show_digest(digest),
        ) or digest != bytes(row[2]):
            why = "This version of the policy is not the one that was applied."
            raise Wrong(why, position=position, about=about)
