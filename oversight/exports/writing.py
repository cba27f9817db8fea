"""The bytes of an export, from their beginning or from a place on; each time the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit import checkpoints, export_format
from audit.checkpoints import Checkpoint
from audit.export_format import Place
from audit.log import rfc3339
from core import ids
from core.canonical import canonical
from core.db import pool
from core.version import VERSION
from oversight.exports import csv_format
from oversight.exports.query import Query, Selection
from oversight.models import Export
from signing import keys
from signing.keys import signers
from signing.notes import sign

#: What the manifest of a CSV export begins with.
CSV_TITLE: Final = "assentry export-csv/1"
#: An anchor that was recorded longer ago than this is committed by now: nothing that anybody holds
#: open lasts as long (`core.db`).
SETTLED: Final = timedelta(minutes=5)
#: Places are kept after so many events, but no more places than this.
PLACE_EVERY: Final = 20_000
MOST_PLACES: Final = 500

_ANCHORED: Final = """
SELECT DISTINCT size FROM oversight_anchor
 WHERE workspace_id = %(workspace)s AND size < %(size)s AND at {} %(settled)s
"""

Walked = Callable[[int], None]


def recently_anchored(
    conn: Connection[Any], workspace: UUID, size: int, now: datetime
) -> list[int]:
    """Sizes at which anchors were made a moment ago, of which more may yet become visible."""
    values = {"workspace": workspace, "size": size, "settled": now - SETTLED}
    return sorted(row[0] for row in conn.execute(_ANCHORED.format(">="), values))


def pieces(
    export: Export, start: Place | None = None, walked: Walked | None = None
) -> Iterator[tuple[bytes, Place]]:
    """The bytes from ``start`` on, some hundred events at a time, each with the place behind them.

    Args:
        start: a place of an earlier writing that came to its end.
        walked: hears how far into the log the search for events has come.

    Raises:
        nodes.Missing: the log lacks what the checkpoint speaks of.
    """
    positions = _positions(export, start.position if start else 0, walked)
    if export.format == Export.Format.CSV:
        every = range(start.position if start else 0, export.size)
        chosen = every if positions is None else positions
        return csv_format.pages(export.workspace_id, chosen, export.size, start)
    return export_format.pages(export.workspace_id, _as_file(export, positions), start)


def _positions(export: Export, start: int, walked: Walked | None) -> Iterable[int] | None:
    query = Query.of_json(json.loads(bytes(export.query)))
    if query == Query():
        return None
    return Selection(export.workspace_id, query, export.size, start, walked)


def _as_file(export: Export, positions: Iterable[int] | None) -> export_format.Export:
    _, size, root = checkpoints.claims(export.checkpoint)
    values = {
        "workspace": export.workspace_id,
        "size": size,
        "settled": export.created_at - SETTLED,
    }
    with pool().connection() as conn:
        older = [row[0] for row in conn.execute(_ANCHORED.format("<"), values)]
    return export_format.Export(
        id=export.id,
        query=json.loads(bytes(export.query)),
        checkpoint=Checkpoint(0, size, root, export.checkpoint, export.created_at),
        created_at=export.created_at,
        selection=positions,
        anchored=[*older, *export.anchored],
        manifest=export.manifest,
    )


def manifest_of(export: Export, last: bytes, end: Place, digest: bytes) -> str:
    """The signed note about a file that was written: of JSON Lines its last line, of CSV a new one.

    Args:
        last: the last bytes that were written.
        end: the place behind them.
        digest: SHA-256 of the whole file.
    """
    if export.format == Export.Format.JSONL:
        told: dict[str, str] = json.loads(last)
        return told["manifest"]
    origin = checkpoints.origin(export.workspace_id)
    about = {
        "bytes": end.offset,
        "checkpoint": export.checkpoint,
        "created_at": rfc3339(export.created_at),
        "events": end.events,
        "export": ids.encode("exp", export.id),
        "first": end.first,
        "keys": [str(each) for each in checkpoints.verifiers(export.workspace_id)],
        "last": end.last,
        "origin": origin,
        "query": json.loads(bytes(export.query)),
        "sha256": digest.hex(),
        "size": export.size,
        "software": VERSION,
    }
    text = f"{CSV_TITLE}\n{canonical(about).decode()}\n"
    return sign(text, name=origin, signer=signers.current(keys.LOG))


class Places:
    """Places at which a later writing may go on: more and more apart, so that there are never many."""

    def __init__(self) -> None:
        self._kept: list[Place] = []
        self._every = PLACE_EVERY

    def passed(self, place: Place) -> None:
        """Keep this place, if it is far enough from the last one."""
        last = self._kept[-1].events if self._kept else 0
        if place.events - last < self._every:
            return
        self._kept.append(place)
        if len(self._kept) > MOST_PLACES:
            self._kept, self._every = self._kept[1::2], self._every * 2

    def pack(self) -> bytes:
        """As they stand in the row."""
        return canonical([asdict(place) for place in self._kept])


def before(export: Export, offset: int) -> Place | None:
    """The last kept place that is not behind this byte; None: the beginning."""
    kept = [Place(**each) for each in json.loads(bytes(export.places or b"[]"))]
    return max((each for each in kept if each.offset <= offset), key=_offset, default=None)


def _offset(place: Place) -> int:
    return place.offset


def from_byte(export: Export, first: int, last: int) -> Iterator[bytes]:
    """The bytes of a finished export from ``first`` to ``last``, both included."""
    place = before(export, first)
    at = place.offset if place else 0
    for content, _ in pieces(export, place):
        begin, end = max(first - at, 0), last + 1 - at
        if begin < len(content) and end > 0:
            yield content[begin:end]
        at += len(content)
        if at > last:
            return
