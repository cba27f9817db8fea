"""An export of the log, line by line, as docs/log-format.md says.

Everything below a checkpoint's size never changes, so a page is read when it is wanted and no
transaction stays open.  The same `Export` comes to the same bytes: a download that broke off goes on
at a byte.
"""

from __future__ import annotations

import base64
import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit import checkpoints
from audit.checkpoints import Checkpoint
from audit.log import rfc3339
from audit.nodes import Missing, span_hashes
from audit.tree import EMPTY_ROOT, spans
from core import ids
from core.canonical import JSON, canonical, show_digest
from core.db import pool
from core.version import VERSION
from signing import keys
from signing.keys import signers
from signing.notes import sign

#: Events that are read at a time.
PAGE: Final = 1_000
#: A leaves line at every multiple of this, and checkpoints at least so far apart.
EVERY: Final = 256
#: Gaps whose hashes are found at a time: each may read some hundred leaves.
_GAPS: Final = 64
TITLE: Final = "assentry export/1"
_EVENT: Final = b'{"actor":'

_EVENTS: Final = """
SELECT l.position, l.hash, e.body
  FROM audit_leaf AS l JOIN audit_event AS e ON e.id = l.event_id
 WHERE l.workspace_id = %(workspace)s AND l.position = ANY(%(positions)s::bigint[])
 ORDER BY l.position
"""
_LEAVES: Final = """
SELECT hash FROM audit_leaf
 WHERE workspace_id = %(workspace)s AND position >= %(from)s AND position < %(to)s ORDER BY position
"""
_NOTES: Final = """
SELECT size, note FROM audit_checkpoint
 WHERE workspace_id = %(workspace)s AND size = ANY(%(sizes)s::bigint[])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is exported of one workspace's log.

    Attributes:
        id: of the export.
        query: what was asked for, by the names of docs/log-format.md; empty for the whole log.
        checkpoint: what the file leads to; no event from its size on is in it (`end_of_log`).
        created_at: when the export began.
        selection: positions that fit the query, ascending; None: every one.  It is walked anew
            each time the lines are written (`Selected`); where they begin at a `Place`, from there on.
        anchored: sizes at which anchors were made; those beyond the checkpoint are passed over.
        manifest: the signed note of an earlier writing, where there was one: it says which keys there
            were then, and another key may sign by now.
    """

    id: UUID
    query: Mapping[str, JSON]
    checkpoint: Checkpoint
    created_at: datetime
    selection: Iterable[int] | None = None
    anchored: Sequence[int] = ()
    manifest: str | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """The positions that a statement finds, page by page.

    It returns one column, takes ``%(after)s`` and ``%(limit)s`` beside its own values, and answers
    with at most so many positions greater than that, ascending.
    """

    statement: str
    values: Mapping[str, Any]
    page: int = 5_000

    def __iter__(self) -> Iterator[int]:
        after = -1
        while True:
            values = {**self.values, "after": after, "limit": self.page}
            with pool().connection() as conn:
                found = [row[0] for row in conn.execute(self.statement, values)]
            yield from found
            if len(found) < self.page:
                return
            after = found[-1]


def end_of_log(workspace: UUID) -> Checkpoint:
    """The newest checkpoint of a workspace; of a log without events, one that says so."""
    found = checkpoints.newest(workspace)
    if found is not None:
        return found
    signer = signers.current(keys.LOG)
    note = checkpoints.make(workspace, 0, EMPTY_ROOT, signer)
    with pool().connection() as conn:
        (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or ()
    return Checkpoint(-1, 0, EMPTY_ROOT, note, now)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a writer stands between two pages; from here it can go on another time.

    Attributes:
        offset: bytes before it.
        position: the reader's position of docs/log-format.md.
        checkpointed: where the last checkpoint line stands, or 0.
        leaves: events since the last leaves line, all of them right before `position`.
        events: event lines before it; `first` and `last` are their positions.
    """

    offset: int = 0
    position: int = 0
    checkpointed: int = 0
    leaves: int = 0
    events: int = 0
    first: int | None = None
    last: int | None = None


def lines(workspace: UUID, export: Export) -> Iterator[bytes]:
    """The lines of an export, each with its newline; the last one is the manifest.

    Raises:
        ValueError: the selection is not ascending, or goes beyond the checkpoint.
        nodes.Missing: the log lacks what the checkpoint speaks of.
    """
    for content, _ in pages(workspace, export):
        yield from content.splitlines(keepends=True)


def pages(
    workspace: UUID, export: Export, start: Place | None = None
) -> Iterator[tuple[bytes, Place]]:
    """The same bytes, whole lines of some hundred events at a time, each with the place behind it.

    Args:
        start: a place of an earlier writing of the same export.  Then the export has its manifest.

    Raises:
        ValueError, nodes.Missing: as `lines`.
    """
    if start is not None and export.manifest is None:
        raise ValueError("what was not written to its end cannot be gone on with")
    origin = checkpoints.origin(workspace)
    digest = hashlib.sha256()
    walk = _Walk(workspace, export, start or Place())
    if start is None:
        header = {"assentry": "log/1", "origin": origin, "query": dict(export.query)}
        yield walk.written([canonical(header) + b"\n"], digest)
    for page in walk.pages():
        yield walk.written(page, digest)
    note = export.manifest or _manifest(origin, export, walk.place, digest.digest(), workspace)
    yield walk.written([canonical({"manifest": note}) + b"\n"], digest)


def _manifest(origin: str, export: Export, end: Place, digest: bytes, workspace: UUID) -> str:
    told = {
        "checkpoint": export.checkpoint.note,
        "created_at": rfc3339(export.created_at),
        "digest": show_digest(digest),
        "events": end.events,
        "export": ids.encode("exp", export.id),
        "first": end.first,
        "keys": [str(each) for each in checkpoints.verifiers(workspace)],
        "last": end.last,
        "origin": origin,
        "query": dict(export.query),
        "size": export.checkpoint.size,
        "software": VERSION,
    }
    text = f"{TITLE}\n{canonical(told).decode()}\n"
    return sign(text, name=origin, signer=signers.current(keys.LOG))


@dataclass(slots=True)
class _Read:
    """What a page needs of the database, read at once."""

    events: list[tuple[int, bytes, bytes]]
    gaps: dict[int, tuple[int, list[bytes]]]
    notes: dict[int, str]


class _Walk:
    """Where the writer is: the position of the next event, and the leaves since the last leaves line."""

    def __init__(self, workspace: UUID, export: Export, start: Place) -> None:
        self.workspace = workspace
        self.export = export
        self._offset, self._begun = start.offset, start.position
        self._events, self._first, self._last = start.events, start.first, start.last
        self._position = start.position
        self._checkpointed = start.checkpointed
        self._leaves = _leaves_before(workspace, start) if start.leaves else []
        self._anchored = sorted(set(export.anchored))

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(
            self._offset,
            self._position,
            self._checkpointed,
            len(self._leaves),
            self._events,
            self._first,
            self._last,
        )

    def written(self, lines: Sequence[bytes], digest: hashlib._Hash) -> tuple[bytes, Place]:
        """Count these lines; their bytes, and the place behind them.

        The digest is of what is no event: events are under the root.
        """
        for line in lines:
            if not line.startswith(_EVENT):
                digest.update(line)
        content = b"".join(lines)
        self._offset += len(content)
        return content, self.place

    def pages(self) -> Iterator[list[bytes]]:
        """Everything between header and manifest."""
        for positions in self._pages():
            yield self._page(positions, positions[-1] + 1)
        yield self._page([], self.export.checkpoint.size)

    def _pages(self) -> Iterator[list[int]]:
        size, selection = self.export.checkpoint.size, self.export.selection
        several = iter(range(self._begun, size) if selection is None else selection)
        after = self._begun - 1
        while page := list(islice(several, PAGE)):
            for position in page:
                if not after < position < size:
                    raise ValueError(f"position {position} after {after}, in a log of {size}")
                after = position
            yield page

    def _page(self, positions: list[int], end: int) -> list[bytes]:
        """The lines from the writer's position up to before ``end``, with the events at ``positions``."""
        read = self._read(positions, end)
        found: list[bytes] = []
        for position, digest, body in read.events:
            found += self._leave_out(position, read)
            found.append(body + b"\n")
            self._leaves.append(digest)
            self._position = position + 1
            if self._position % EVERY == 0:
                found += self._told_leaves()
            found += self._checkpoint(read)
            self._first = position if self._first is None else self._first
            self._last, self._events = position, self._events + 1
        found += self._leave_out(end, read)
        if end == self.export.checkpoint.size:
            found += self._told_leaves()
        return found

    def _read(self, positions: list[int], end: int) -> _Read:
        gaps = list(self._gaps(positions, end))
        sizes = {position + 1 for position in positions} | {stop for _, stop in gaps}
        values: dict[str, Any] = {"workspace": self.workspace, "positions": positions}
        with pool().connection() as conn, conn.cursor(binary=True) as cursor:
            events = cursor.execute(_EVENTS, values).fetchall() if positions else []
            notes = dict(cursor.execute(_NOTES, {**values, "sizes": sorted(sizes)}).fetchall())
            hashes = _gap_hashes(conn, self.workspace, gaps)
        if [row[0] for row in events] != positions:
            there = {row[0] for row in events}
            lost = next(position for position in positions if position not in there)
            raise Missing(f"the log has no event at position {lost}")
        return _Read(events, hashes, notes)

    def _gaps(self, positions: Iterable[int], end: int) -> Iterator[tuple[int, int]]:
        """What lies between the events, cut where an anchor was made."""
        at = self._position
        for stop in [*positions, end]:
            if at < stop:
                cuts = self._anchored[
                    bisect_right(self._anchored, at) : bisect_left(self._anchored, stop)
                ]
                for cut in [*cuts, stop]:
                    yield at, cut
                    at = cut
            at = stop + 1

    def _leave_out(self, stop: int, read: _Read) -> list[bytes]:
        found: list[bytes] = []
        while self._position < stop:
            found += self._told_leaves()
            to, hashes = read.gaps[self._position]
            found.append(canonical({"gap": _encoded(hashes), "to": to}) + b"\n")
            self._position = to
            if self._is_anchored(to):
                found += self._checkpoint(read)
        return found

    def _told_leaves(self) -> list[bytes]:
        if not self._leaves:
            return []
        told = {"leaves": _encoded(self._leaves), "to": self._position}
        self._leaves = []
        return [canonical(told) + b"\n"]

    def _checkpoint(self, read: _Read) -> list[bytes]:
        """The checkpoint that was signed here; the one at the end stands in the manifest."""
        size = self._position
        wanted = size - self._checkpointed >= EVERY or self._is_anchored(size)
        if not wanted or size not in read.notes or size == self.export.checkpoint.size:
            return []
        self._checkpointed = size
        return [canonical({"checkpoint": read.notes[size]}) + b"\n"]

    def _is_anchored(self, size: int) -> bool:
        at = bisect_left(self._anchored, size)
        return self._anchored[at : at + 1] == [size]


def _leaves_before(workspace: UUID, place: Place) -> list[bytes]:
    values = {"workspace": workspace, "from": place.position - place.leaves, "to": place.position}
    with pool().connection() as conn, conn.cursor(binary=True) as cursor:
        return [row[0] for row in cursor.execute(_LEAVES, values)]


def _gap_hashes(
    conn: Connection[Any], workspace: UUID, gaps: Sequence[tuple[int, int]]
) -> dict[int, tuple[int, list[bytes]]]:
    """By where they begin, where they end, and their subtrees' hashes from left to right."""
    found = {}
    for at in range(0, len(gaps), _GAPS):
        several = gaps[at : at + _GAPS]
        asked = [span for gap in several for span in spans(*gap)]
        hashes = span_hashes(conn, workspace, asked)
        for start, stop in several:
            found[start] = stop, [hashes[span] for span in spans(start, stop)]
    return found


def _encoded(hashes: Iterable[bytes]) -> list[JSON]:
    return [base64.b64encode(each).decode() for each in hashes]
