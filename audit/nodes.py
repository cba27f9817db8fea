"""Hashes of the tree's inner nodes, from what is stored: every leaf, and every 256th subtree.

A proof asks for a handful of spans.  Each is put together from at most 255 hashes of the nearest
stored level below it, so that a proof of a log of a million events reads under a thousand rows by key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit.tree import Span, fold, node_hash, spans

#: Subtrees of levels 8, 16, 24, … are stored.
STORED: Final = 8

# OFFSET 0 keeps each look a look of its own, by index. Joined, a whole log would be read for a few rows.
_LEAVES: Final = """
SELECT l.position, l.hash
  FROM unnest(%(start)s::bigint[], %(end)s::bigint[]) AS asked (start, stop)
 CROSS JOIN LATERAL (
    SELECT position, hash FROM audit_leaf
     WHERE workspace_id = %(workspace)s AND position >= asked.start AND position < asked.stop
    OFFSET 0) AS l
"""
_SUBTREES: Final = """
SELECT s.level, s.index, s.hash
  FROM unnest(%(level)s::int[], %(start)s::bigint[], %(end)s::bigint[]) AS asked (level, start, stop)
 CROSS JOIN LATERAL (
    SELECT level, index, hash FROM audit_subtree
     WHERE workspace_id = %(workspace)s AND level = asked.level
       AND index >= asked.start AND index < asked.stop
    OFFSET 0) AS s
"""


class Missing(RuntimeError):
    """The tree lacks a hash that it must have: it was damaged, or read beyond its end."""


def range_hashes(
    conn: Connection[Any], workspace: UUID, ranges: Sequence[tuple[int, int]]
) -> list[bytes]:
    """Return the RFC 6962 hash over each range of leaves ``(start, end)``.

    Ranges are as proofs have them: each begins where the largest of its subtrees may begin.

    Raises:
        Missing: a leaf or subtree of them is not there.
    """
    found = span_hashes(conn, workspace, [span for each in ranges for span in spans(*each)])
    return [fold([found[span] for span in spans(*each)]) for each in ranges]


def span_hashes(conn: Connection[Any], workspace: UUID, asked: Iterable[Span]) -> dict[Span, bytes]:
    """Return the hash of each complete subtree that is asked for; `Missing` where one is not there."""
    wanted = set(asked)
    rows = _read(conn, workspace, {span: _sources(span) for span in wanted})
    hashes = {}
    for level, index in wanted:
        base, start, end = _sources((level, index))
        try:
            hashes[level, index] = _perfect([rows[base, at] for at in range(start, end)])
        except KeyError as missing:
            raise Missing(f"the tree has no hash for level and index {missing}") from None
    return hashes


def _sources(span: Span) -> tuple[int, int, int]:
    """The stored level below a span, and its indices from and to there."""
    level, index = span
    base = level - level % STORED
    return base, index << (level - base), (index + 1) << (level - base)


def _read(
    conn: Connection[Any], workspace: UUID, sources: dict[Span, tuple[int, int, int]]
) -> dict[Span, bytes]:
    leaves = [(start, end) for base, start, end in sources.values() if base == 0]
    above = [source for source in sources.values() if source[0]]
    rows: dict[Span, bytes] = {}
    with conn.cursor(binary=True) as cursor:
        if leaves:
            starts, ends = zip(*leaves, strict=True)
            values = {"workspace": workspace, "start": list(starts), "end": list(ends)}
            for position, digest in cursor.execute(_LEAVES, values):
                rows[0, position] = digest
        if above:
            levels, starts, ends = zip(*above, strict=True)
            values = {"workspace": workspace, "start": list(starts), "end": list(ends)}
            for level, index, digest in cursor.execute(
                _SUBTREES, {**values, "level": list(levels)}
            ):
                rows[level, index] = digest
    return rows


def _perfect(hashes: list[bytes]) -> bytes:
    """The root of a complete subtree from the hashes of one of its levels."""
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [node_hash(left, right) for left, right in zip(pairs, pairs, strict=True)]
    return hashes[0]
