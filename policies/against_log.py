"""The versions of a policy as the database has them, held against what the log tells of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit import history
from audit.live import Wrong
from core import canonical, ids

_VERSIONS: Final = """
SELECT v.id, v.number, v.digest, v.text, p.active_id IS NOT NULL
  FROM policies_policyversion AS v LEFT JOIN policies_policy AS p ON p.active_id = v.id
 WHERE v.workspace_id = %(workspace)s AND v.id = ANY(%(ids)s)
"""
_ALL: Final = """
SELECT id FROM policies_policyversion WHERE workspace_id = %(workspace)s ORDER BY number
"""
#: What stands where an address was erased (policies 0003).
_INSTEAD: Final = re.compile(r"erased-([0-9a-f]{32})@erased\.invalid")
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
        data, (_, number, digest, text, _) = told[version][0].data, row
        stands = (data["number"], data["digest"]) == (number, canonical.show_digest(bytes(digest)))
        held = canonical.digest(text.encode()) == bytes(digest)
        if not stands or not (held or _erased(conn, workspace, row)):
            why = "This version of the policy is not the one that was applied."
            raise Wrong(why, position=position, about=about)


def _erased(conn: Connection[Any], workspace: UUID, row: Sequence[Any]) -> bool:
    """Whether an address was taken out of a version that is not active, as the log says.

    What the text was cannot be found any more; it is held only to name somebody who was erased.
    """
    _, _, _, text, active = row
    people = {ids.encode("per", UUID(one)) for one in _INSTEAD.findall(text)}
    return not active and bool(history.erased_among(conn, workspace, people))
