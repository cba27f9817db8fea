"""The log in the database, held against itself: bytes, places, stored hashes, checkpoints, columns, side rows.

The reverse of what `audit.log` and `audit.sequencer` write, read page by page in constant memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection

from audit import checkpoints, history
from audit.log import commitment, rfc3339
from audit.nodes import STORED
from audit.tree import Frontier, leaf_hash
from core import ids
from signing.notes import BadNote

PAGE: Final = 1_000
#: An event gets its place within a second of its commit.
UNPLACED: Final = timedelta(minutes=1)
BACKWARDS: Final = timedelta(seconds=5)
#: So many events whose side rows are gone are remembered until the log is asked for their erasure.
REMEMBERED: Final = 20_000
#: A step may quote a request: where that is erased, its run need not be named.
ERASED_ALONG: Final = frozenset({"run.steps_reported"})

_ENDS: Final = """
SELECT coalesce((SELECT max(size) FROM audit_checkpoint WHERE workspace_id = %(workspace)s), 0),
       (SELECT count(*) FROM audit_checkpoint WHERE workspace_id = %(workspace)s),
       coalesce((SELECT max(position) + 1 FROM audit_leaf WHERE workspace_id = %(workspace)s), 0)
"""
_LEAVES: Final = """
SELECT l.position, l.hash, l.event_id, e.workspace_id, e.kind, e.at, e.subject, e.body
  FROM audit_leaf AS l LEFT JOIN audit_event AS e ON e.id = l.event_id
 WHERE l.workspace_id = %(workspace)s AND l.position >= %(start)s AND l.position < %(stop)s
 ORDER BY l.position
"""
_SIDES: Final = """
SELECT event_id, name, salt, body, workspace_id FROM audit_side WHERE event_id = ANY(%(events)s)
 ORDER BY event_id, name
"""
_SUBTREES: Final = """
SELECT index, hash FROM audit_subtree
 WHERE workspace_id = %(workspace)s AND level = %(level)s AND index >= %(first)s AND index < %(after)s
"""
_SUBTREES_BEYOND: Final = """
SELECT count(*) FROM audit_subtree
 WHERE workspace_id = %(workspace)s AND ((index + 1) << level) > %(size)s
"""
_CHECKPOINTS: Final = """
SELECT number, size, root, frontier, note FROM audit_checkpoint
 WHERE workspace_id = %(workspace)s AND size > %(start)s AND size <= %(stop)s ORDER BY size
"""
_UNPLACED: Final = """
SELECT e.id FROM audit_event AS e LEFT JOIN audit_leaf AS l ON l.event_id = e.id
 WHERE e.workspace_id = %(workspace)s AND l.event_id IS NULL
   AND e.at < clock_timestamp() - %(age)s::interval
 ORDER BY e.at, e.id LIMIT 1
"""


class Wrong(Exception):
    """The database is not what its log says.

    Attributes:
        position: of the first event that is known to be wrong, or that tells what is.
        within: the events ``(from, to)`` of which at least one is wrong, where only that is known.
        about: the id of what is wrong, where it is no event.
    """

    def __init__(
        self,
        why: str,
        *,
        position: int | None = None,
        within: tuple[int, int] | None = None,
        about: str | None = None,
    ) -> None:
        self.why, self.position, self.within, self.about = why, position, within, about
        place = ""
        if position is not None:
            place = f"position {position:,}: "
        elif within is not None:
            place = f"positions {within[0]:,} to {within[1]:,}: "
        super().__init__(f"{place}{about + ': ' if about else ''}{why}")


class Body(msgspec.Struct):
    """What an event's bytes say, as far as its row repeats it."""

    actor: dict[str, str | None]
    at: str
    commitments: dict[str, str]
    id: str
    kind: str
    subject: str
    workspace: str


_body = msgspec.json.Decoder(Body)


@dataclass(slots=True)
class _Walk:
    workspace: UUID
    tree: Frontier = field(default_factory=Frontier)
    #: The checkpoint before: its number and size.
    number: int = -1
    good: int = 0
    at: datetime | None = None
    #: Subtrees that filled since they were last held against the stored ones.
    filled: dict[tuple[int, int], bytes] = field(default_factory=dict)
    #: Events that lack what stood beside them: whom an erasure must name, the subject or the actor.
    bare: list[tuple[int, str, str | None]] = field(default_factory=list)

    def fill(self, level: int, index: int, digest: bytes) -> None:
        """Hear of a subtree that filled."""
        if level % STORED == 0:
            self.filled[level, index] = digest


def check(conn: Connection[Any], workspace: UUID) -> int:
    """Hold a workspace's log against itself; return how many events it has.

    Args:
        conn: one that statements may take their time on.

    Raises:
        Wrong: the first thing that is not right, from position 0 on.
    """
    size, count, end = _row(conn, _ENDS, {"workspace": workspace})
    walk = _Walk(workspace)
    try:
        for start in range(0, size, PAGE):
            _page(conn, walk, start, min(start + PAGE, size))
            if len(walk.bare) >= REMEMBERED:
                _hold_bare(conn, walk)
    except Wrong:
        _hold_bare(conn, walk)  # these come before it
        raise
    _hold_bare(conn, walk)
    if walk.number + 1 != count:
        raise Wrong(f"There are {count} checkpoints, and the newest is number {walk.number}.")
    if end != size:
        why = f"No checkpoint speaks of this event: the newest is of {size:,} events."
        raise Wrong(why, position=size)
    (beyond,) = _row(conn, _SUBTREES_BEYOND, {"workspace": workspace, "size": size})
    if beyond:
        raise Wrong("The tree has stored hashes beyond its end.", position=size)
    stray = conn.execute(_UNPLACED, {"workspace": workspace, "age": UNPLACED}).fetchone()
    if stray is not None:
        why = "The event has no place in the log, a minute after it was written."
        raise Wrong(why, about=ids.encode("evt", stray[0]))
    return int(size)


def _page(conn: Connection[Any], walk: _Walk, start: int, stop: int) -> None:
    values = {"workspace": walk.workspace, "start": start, "stop": stop}
    with conn.cursor(binary=True) as cursor:
        leaves = cursor.execute(_LEAVES, values).fetchall()
        signed = {row[1]: row for row in cursor.execute(_CHECKPOINTS, values)}
        sides: dict[UUID, list[Any]] = {}
        for side in cursor.execute(_SIDES, {"events": [leaf[2] for leaf in leaves]}):
            sides.setdefault(side[0], []).append(side)
    verifiers = checkpoints.verifiers(walk.workspace) if signed else []
    stored = _stored(conn, walk.workspace, start, stop)
    for expected, leaf in zip(range(start, stop), leaves, strict=False):
        if leaf[0] != expected:
            raise Wrong("There is no event at this position.", position=expected)
        _event(walk, leaf, sides.get(leaf[2], []))
        walk.tree.append(leaf[1], walk.fill)
        _hold_subtrees(walk, stored)
        if expected + 1 in signed:
            _hold_checkpoint(walk, signed[expected + 1], verifiers)
    if len(leaves) < stop - start:
        raise Wrong("There is no event at this position.", position=start + len(leaves))


def _event(walk: _Walk, leaf: tuple[Any, ...], sides: list[Any]) -> None:
    position, digest, event, workspace, kind, at, subject, body = leaf
    if body is None:
        raise Wrong("The event's row is gone.", position=position)
    if leaf_hash(body) != digest:
        raise Wrong("The event's bytes are not those of its leaf.", position=position)
    try:
        said = _body.decode(body)
    except msgspec.DecodeError:
        raise Wrong("The event's bytes are no event.", position=position) from None
    _hold_columns(walk, position, said, (event, workspace, kind, at, subject))
    _hold_sides(walk, position, said, sides)
    if walk.at is not None and walk.at - at > BACKWARDS:
        back = (walk.at - at).total_seconds()
        why = f"The event is {back:,.0f} seconds earlier than the one before it."
        raise Wrong(why, position=position)
    walk.at = at


def _hold_columns(walk: _Walk, position: int, said: Body, row: tuple[Any, ...]) -> None:
    event, workspace, kind, at, subject = row
    columns = {
        "id": (said.id, ids.encode("evt", event)),
        "workspace_id": (said.workspace, ids.encode("wsp", workspace)),
        "kind": (said.kind, kind),
        "at": (said.at, rfc3339(at)),
        "subject": (said.subject[-26:], ids.encode_suffix(subject)),
    }
    for name, (told, column) in columns.items():
        if told != column:
            why = f"The column {name} is not what the event's bytes say."
            raise Wrong(why, position=position)
    if workspace != walk.workspace:
        raise Wrong("The event is of another workspace's log.", position=position)


def _hold_sides(walk: _Walk, position: int, said: Body, sides: list[Any]) -> None:
    """Side rows are what the event commits to, or were erased."""
    missing = said.commitments.keys() - {side[1] for side in sides}
    if missing and said.kind not in ERASED_ALONG:
        walk.bare.append((position, said.subject, said.actor.get("id")))
    for _, name, salt, content, beside in sides:
        if name not in said.commitments or beside != walk.workspace:
            raise Wrong(f"The event commits to no {name}.", position=position)
        if content is not None and commitment(salt, content) != said.commitments[name]:
            raise Wrong(f"What stands beside the event as {name} was changed.", position=position)


def _hold_bare(conn: Connection[Any], walk: _Walk) -> None:
    """What is missing beside events was erased, as the log itself says."""
    names = {name for _, *several in walk.bare for name in several if name is not None}
    erased = history.erased_among(conn, walk.workspace, names)
    for position, subject, actor in walk.bare:
        if not erased & {subject, actor}:
            why = "What the event commits to is missing, and the log tells of no erasure."
            raise Wrong(why, position=position)
    walk.bare.clear()


def _stored(
    conn: Connection[Any], workspace: UUID, start: int, stop: int
) -> dict[tuple[int, int], bytes]:
    """The stored subtrees that end in these positions."""
    found, level = {}, STORED
    with conn.cursor(binary=True) as cursor:
        while stop >> level:
            values = {"first": start >> level, "after": stop >> level}
            for index, digest in cursor.execute(
                _SUBTREES, {"workspace": workspace, "level": level, **values}
            ):
                found[level, index] = digest
            level += STORED
    return found


def _hold_subtrees(walk: _Walk, stored: dict[tuple[int, int], bytes]) -> None:
    for (level, index), digest in walk.filled.items():
        if stored.get((level, index)) != digest:
            why = "The stored hash over these events is another one, or missing."
            raise Wrong(why, within=(index << level, ((index + 1) << level) - 1))
    walk.filled.clear()


def _hold_checkpoint(walk: _Walk, row: tuple[Any, ...], verifiers: Iterable[Any]) -> None:
    number, size, root, frontier, note = row
    within = (walk.good, size - 1)
    if number != walk.number + 1:
        why = f"The checkpoint {walk.number + 1} is missing: number {number} comes next."
        raise Wrong(why, within=within)
    try:
        said = checkpoints.parse(note, verifiers)
    except BadNote as error:
        raise Wrong(f"The checkpoint of {size:,} events: {error}.", within=within) from None
    if said != (checkpoints.origin(walk.workspace), size, walk.tree.root()):
        why = (
            f"The signed checkpoint of {size:,} events speaks of others: one of these was changed."
        )
        raise Wrong(why, within=within)
    if (root, frontier) != (walk.tree.root(), walk.tree.pack()):
        raise Wrong(
            f"What is stored with the checkpoint of {size:,} events was changed.", within=within
        )
    walk.number, walk.good = number, size


def _row(conn: Connection[Any], query: str, values: dict[str, Any]) -> tuple[Any, ...]:
    row = conn.execute(query, values).fetchone()
    assert row is not None  # noqa: S101  # these statements always answer
    return tuple(row)
