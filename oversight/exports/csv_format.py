"""An export for a spreadsheet: one row per event (RFC 4180), in cells that no program takes for formulas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

from audit.export_format import PAGE, Place
from audit.nodes import Missing
from core import ids
from core.db import pool

COLUMNS: Final = (
    *("position", "at", "kind", "actor_type", "actor", "via", "subject", "action", "agent"),
    *("event", "data", "commitments"),
)
#: What spreadsheets take for the beginning of a formula.
_FORMULA: Final = tuple("=+-@\t\r\n\0")

_EVENTS: Final = """
SELECT l.position, e.body, r.action, r.agent_id
  FROM audit_leaf AS l JOIN audit_event AS e ON e.id = l.event_id
  LEFT JOIN approvals_request AS r ON r.id = e.subject AND r.workspace_id = l.workspace_id
 WHERE l.workspace_id = %(workspace)s AND l.position = ANY(%(positions)s::bigint[])
 ORDER BY l.position
"""


def pages(
    workspace: UUID, positions: Iterable[int], size: int, start: Place | None = None
) -> Iterator[tuple[bytes, Place]]:
    """The rows of these events, some hundred at a time, each with the place behind them.

    Args:
        positions: ascending; where writing goes on at ``start``, those from its position on.
        size: the length of the log that is exported.

    Raises:
        Missing: the log lacks one of them.
    """
    place = start or Place()
    if start is None:
        head = written([COLUMNS])
        place = Place(offset=len(head))
        yield head, place
    several = iter(positions)
    while page := list(islice(several, PAGE)):
        content = written(_rows(workspace, page))
        place = Place(
            offset=place.offset + len(content),
            position=page[-1] + 1,
            events=place.events + len(page),
            first=page[0] if place.first is None else place.first,
            last=page[-1],
        )
        yield content, place
    yield b"", Place(place.offset, size, 0, 0, place.events, place.first, place.last)


def safe(cell: str) -> str:
    """A cell that is text and nothing else: what looks like a formula gets an apostrophe in front."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def written(rows: Iterable[Iterable[str]]) -> bytes:
    """Rows as RFC 4180 has them; cells stand as they are given, see `safe`."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _rows(workspace: UUID, positions: list[int]) -> Iterator[list[str]]:
    values = {"workspace": workspace, "positions": positions}
    with pool().connection() as conn, conn.cursor(binary=True) as cursor:
        found = cursor.execute(_EVENTS, values).fetchall()
    if len(found) != len(positions):
        there = {row[0] for row in found}
        lost = next(position for position in positions if position not in there)
        raise Missing(f"the log has no event at position {lost}")
    for position, body, action, agent in found:
        yield [str(position), *map(safe, _cells(json.loads(body), action, agent))]


def _cells(event: dict[str, Any], action: str | None, agent: UUID | None) -> list[str]:
    actor = event["actor"]
    return [
        event["at"],
        event["kind"],
        actor["type"],
        actor["id"] or "",
        actor["via"],
        event["subject"],
        action or "",
        ids.encode("agt", agent) if agent else "",
        event["id"],
        _json(event["data"]),
        _json(event["commitments"]),
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else ""
