"""Telling people of a request because nobody decides it: those who are asked once more, and others.

What a step of an escalation sends is written in the transaction that takes the step, so that both
happen once or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import Connection

from notifications import routes, telling
from notifications.lining_up import Changes, New, Told, World, installation_of

_SILENT: Final = """
SELECT n.request_id, n.step_id
  FROM notifications_notification n
 WHERE n.request_id = ANY(%(requests)s) AND n.step_id IS NOT NULL
 GROUP BY n.request_id, n.step_id
HAVING bool_and(n.state = 'failed')
"""
_UNREACHED: Final = """
SELECT request_id FROM notifications_unreached WHERE request_id = ANY(%(requests)s) AND over_at IS NULL
"""
_ASKED: Final = """
SELECT DISTINCT person_id FROM notifications_notification
 WHERE request_id = %(request)s AND revision = %(revision)s AND stage = %(stage)s AND kind = 'asked'
   AND person_id IS NOT NULL AND state <> 'withdrawn'
"""


@dataclass(frozen=True, slots=True)
class Nudge:
    """What one step tells.

    Attributes:
        told: the request as it stands, with the Slack channels (``places``) of the roles named here.
        kind: ``reminder`` to those who are asked, ``notice`` to others.
        people: who is told, with the roles that make it so.
        roles: whose channels are told as well.
        via: the channels that tell people; empty: as each is told otherwise.
        text: a sentence of ours.
    """

    step: UUID
    told: Told
    kind: Literal["reminder", "notice"]
    people: Mapping[UUID, tuple[str, ...]]
    text: str
    roles: tuple[str, ...] = ()
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ring:
    """A pager that a step calls."""

    step: UUID
    told: Told
    pager: UUID


@dataclass(frozen=True, slots=True)
class Wrote:
    """How many messages each step wrote, steps that could tell nobody left out.

    ``mute`` are steps whose people are told by nothing, where nothing is set up: they look at their pages.
    """

    by_step: Mapping[UUID, int]
    mute: frozenset[UUID] = frozenset()


@dataclass(slots=True)
class _Counted:
    by_step: dict[UUID, int] = field(default_factory=dict)

    def add(self, changes: Changes, new: New) -> None:
        changes.new.append(new)
        assert new.step is not None  # noqa: S101  # every message of a step names it
        self.by_step[new.step] = self.by_step.get(new.step, 0) + 1


def write(
    conn: Connection[Any],
    nudges: Sequence[Nudge],
    rings: Sequence[Ring],
    *,
    defaults: Mapping[UUID, Mapping[str, Sequence[str]]],
) -> Wrote:
    """Write what these steps tell, in the caller's transaction.

    Args:
        defaults: by workspace and role, how members are told unless they chose themselves.
    """
    if not nudges and not rings:
        return Wrote({})
    reached = [replace(one.told, asked=one.people, owner=None) for one in nudges]
    world = telling.world_of(conn, reached or [one.told for one in rings], defaults)
    changes, counted = Changes(), _Counted()
    for nudge in nudges:
        for person, roles in nudge.people.items():
            _person(nudge, person, roles, world, changes, counted)
        _places(nudge, world, changes, counted)
    for ring in rings:
        new = New(ring.told, "page", "pager", world.now, pager=ring.pager, step=ring.step)
        counted.add(changes, new)
    telling.write(conn, changes)
    mute = frozenset(one.step for one in nudges if _mute(one, world))
    return Wrote(counted.by_step, mute)


def _mute(nudge: Nudge, world: World) -> bool:
    reach = (world.reach[person] for person in nudge.people if person in world.reach)
    others = any(workspace == nudge.told.workspace for workspace, _ in world.others)
    reached = any(one.email or one.push or one.slack for one in reach)
    nobody = not nudge.people
    return not (nobody or reached or others or nudge.told.workspace in world.connected)


def _person(
    nudge: Nudge,
    person: UUID,
    roles: Sequence[str],
    world: World,
    changes: Changes,
    counted: _Counted,
) -> None:
    reach = world.reach.get(person)
    if reach is None:
        return
    told = nudge.told
    at = routes.told_at(
        reach, critical=told.risk == "critical", expires_at=told.expires_at, now=world.now
    )
    usual = routes.merged(world.defaults.get(told.workspace, {}), roles)
    chosen = [channel for channel in nudge.via if reach.has(channel)]
    for channel in chosen or routes.next_channels(reach, usual, (), world.now):
        new = New(told, nudge.kind, channel, at, person=person, step=nudge.step, text=nudge.text)
        new.slack = reach.slack[0] if channel == "slack" else None
        counted.add(changes, new)


def _places(nudge: Nudge, world: World, changes: Changes, counted: _Counted) -> None:
    """The channels of the roles themselves: in Slack, and what else the operator set for them."""
    told = nudge.told
    if nudge.via and "slack" not in nudge.via:
        return
    for role in nudge.roles:
        place = told.places.get(role)
        app = installation_of(world.installations.get(told.workspace, ()), place or "")
        if place and app:
            slack = (app, place.rpartition("/")[2])
            new = New(told, nudge.kind, "slack", world.now, role=role, slack=slack)
            new.step, new.text = nudge.step, nudge.text
            counted.add(changes, new)
        for other in world.others.get((told.workspace, role), ()):
            new = New(told, nudge.kind, "other", world.now, role=role, other=other)
            new.step, new.text = nudge.step, nudge.text
            counted.add(changes, new)


def undelivered(conn: Connection[Any], requests: Sequence[UUID]) -> dict[UUID, frozenset[UUID]]:
    """By request, the steps of which not one message could be delivered."""
    found: dict[UUID, frozenset[UUID]] = {}
    for request, step in conn.execute(_SILENT, {"requests": list(requests)}).fetchall():
        found[request] = found.get(request, frozenset()) | {step}
    return found


def unreached(conn: Connection[Any], requests: Sequence[UUID]) -> frozenset[UUID]:
    """Those of these requests that wait although nobody could be told."""
    rows = conn.execute(_UNREACHED, {"requests": list(requests)}).fetchall()
    return frozenset(row[0] for row in rows)


def asked(conn: Connection[Any], request: UUID, *, revision: int, stage: int) -> frozenset[UUID]:
    """Who was told that they are asked at a stage."""
    values = {"request": request, "revision": revision, "stage": stage}
    return frozenset(row[0] for row in conn.execute(_ASKED, values).fetchall())
