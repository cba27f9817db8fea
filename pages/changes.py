"""What revisions changed, place by place, as pages write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals import lines as payload
from approvals import revisions, words
from approvals.row import Row
from approvals.shape import Change
from core import ids
from pages.visitor import Visitor
from people import names as people


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One difference from the revision before; what was not there, or is not any more, is empty."""

    label: str
    op: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """One revision that another followed: who made it (empty: the agent), when, and what it changed."""

    number: int
    by: str
    at: datetime
    changes: tuple[ChangeLine, ...]


def change_lines(changes: Sequence[Change], labels: Mapping[str, str]) -> list[ChangeLine]:
    """Differences in words; ``labels`` are what policy calls some places, by pointer."""
    return [
        ChangeLine(
            labels.get(one.pointer) or one.pointer.removeprefix("/").replace("/", " › "),
            one.op,
            "" if one.op == "add" else payload.pretty(one.before),
            "" if one.op == "remove" else payload.pretty(one.after),
        )
        for one in changes
    ]


def earlier(row: Row, visitor: Visitor) -> tuple[Earlier, ...]:
    """The revisions between the first and the present one, the newest first."""
    if row.revision < 3 or row.erased_at is not None:
        return ()
    found = revisions.for_person(reader=visitor.reader, request_id=row.id)
    between = [one for one in reversed(found) if 1 < one.number < row.revision]
    made = {one.author for one in between if one.author != "agent"}
    named = people.names(row.workspace_id, [ids.decode("per", each) for each in made])
    return tuple(
        Earlier(
            one.number,
            "" if one.author == "agent" else named.get(ids.decode("per", one.author), "somebody"),
            words.moment(one.created_at),
            tuple(change_lines(one.changes, {f.pointer: f.label for f in one.plan.facts})),
        )
        for one in between
    )
