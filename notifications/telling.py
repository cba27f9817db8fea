"""Bringing what people were told of requests into line with them, however they came to be as they are.

`approvals` says of each request who is asked now, and how far it has come; this module compares that
with what was sent, and writes what is missing: new notifications with their promises, copies that
must be rewritten, some that need not be sent any more.  It may run twice, or late: what stands in the
rows is what was told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from core import ids
from core.due import INSERT_DUE, Promise, due_rows
from notifications import alarms, reaching
from notifications.card import RISKS
from notifications.lining_up import Changes, New, Sent, Told, World, line_up
from notifications.slack import places as lanes
from notifications.slack.places import Wanted
from notifications.sql import DIGEST, KIND_OF_CHANNEL, SLACK

_SENT: Final = """
SELECT n.id, n.request_id, n.kind, n.channel, n.person_id, n.role, n.revision, n.stage, n.state,
       n.failing_since, n.lane_id, n.other_id, n.wanted, n.digest, n.under_id, n.message_id, n.pager_id,
       n.step_id
  FROM notifications_notification n
 WHERE n.request_id = ANY(%(requests)s)
 ORDER BY n.id
"""
_WRITE: Final = f"""
WITH made AS (
    INSERT INTO notifications_notification (
        id, workspace_id, request_id, kind, channel, person_id, role, revision, stage, priority, lane_id,
        other_id, digest, wanted, due_at, under_id, message_id, text, pager_id, step_id, state, reason, tries, reference, shown,
        created_at)
    SELECT n.id, n.workspace, n.request, n.kind, n.channel, n.person, n.role, n.revision, n.stage, n.priority,
           n.lane, n.other, n.digest, n.wanted, n.due, n.under, n.message, n.text, n.pager, n.step, 'pending', '', 0, '', 0,
           clock_timestamp()
      FROM unnest(%(id)s::uuid[], %(workspace)s::uuid[], %(request)s::uuid[], %(kind)s::text[],
                  %(channel)s::text[], %(person)s::uuid[], %(role)s::text[], %(revision)s::int[],
                  %(stage)s::smallint[], %(priority)s::smallint[], %(lane)s::uuid[], %(other)s::uuid[],
                  %(digest)s::bool[], %(wanted)s::int[], %(due)s::timestamptz[], %(under)s::uuid[],
                  %(message)s::uuid[], %(text)s::text[], %(pager)s::uuid[], %(step)s::uuid[])
        AS n (id, workspace, request, kind, channel, person, role, revision, stage, priority, lane, other,
              digest, wanted, due, under, message, text, pager, step)
),
raised AS (
    UPDATE notifications_notification n SET wanted = w.sequence
      FROM unnest(%(requests)s::uuid[], %(sequences)s::int[]) AS w (request, sequence)
     WHERE n.request_id = w.request AND n.channel = 'slack' AND n.kind = 'asked' AND n.wanted < w.sequence
       AND n.id <> ALL(%(withdrawn)s)
),
withdrawn AS (
    UPDATE notifications_notification SET state = 'withdrawn'
     WHERE id = ANY(%(withdrawn)s) AND state = 'pending' AND held_until IS NULL
),
{INSERT_DUE},
reached AS (
    UPDATE notifications_unreached SET over_at = clock_timestamp()
     WHERE request_id = ANY(%(over)s) AND over_at IS NULL
)
SELECT 1
"""
_UNREACHED: Final = """
INSERT INTO notifications_unreached (request_id, workspace_id, at)
SELECT * FROM unnest(%(requests)s::uuid[], %(workspaces)s::uuid[], %(at)s::timestamptz[])
ON CONFLICT (request_id) DO UPDATE SET over_at = NULL WHERE notifications_unreached.over_at IS NOT NULL
RETURNING request_id
"""


def tell(
    conn: Connection[Any],
    told: Sequence[Told],
    *,
    defaults: Mapping[UUID, Mapping[str, Sequence[str]]],
) -> list[Told]:
    """Write what is still to be told of these requests, in the caller's transaction.

    Args:
        told: the requests, locked against ending meanwhile.
        defaults: by workspace and role, how members are told unless they chose themselves.

    Returns:
        those that wait although nobody could be told, noticed now for the first time.
    """
    world = world_of(conn, told, defaults)
    sent: dict[UUID, list[Sent]] = defaultdict(list)
    for row in conn.execute(_SENT, {"requests": [one.request for one in told]}).fetchall():
        sent[row[1]].append(Sent(*row))
    changes = Changes()
    for one in told:
        line_up(one, sent[one.request], world, changes)
    _write(conn, told, sent, changes, world)
    return _alarmed(conn, changes, world.now)


def world_of(
    conn: Connection[Any],
    told: Sequence[Told],
    defaults: Mapping[UUID, Mapping[str, Sequence[str]]],
) -> World:
    """What there is to tell people by, for these requests, now."""
    # Of who is away it only matters that they could have been told.
    people = {person for one in told for person in (*one.asked, *one.away)}
    people |= {one.owner for one in told if one.owner is not None}
    workspaces = list({one.workspace for one in told})
    reach = reaching.of(conn, list(people))
    places = reaching.places(conn, workspaces)
    others = {where: [id for id, _ in found] for where, found in places.others.items()}
    clock = conn.execute("SELECT clock_timestamp()").fetchone()
    assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
    return World(
        reach, places.installations, frozenset(places.connected), others, defaults, clock[0]
    )


def _write(
    conn: Connection[Any],
    told: Sequence[Told],
    sent: Mapping[UUID, Sequence[Sent]],
    changes: Changes,
    world: World,
) -> None:
    behind = [
        one
        for one in told
        if any(
            s.channel == "slack" and s.kind == "asked" and s.wanted < one.sequence
            for s in sent[one.request]
        )
    ]
    changes.again += _rewrites(conn, behind, world)
    write(conn, changes, behind)


def write(conn: Connection[Any], changes: Changes, behind: Sequence[Told] = ()) -> None:
    """Write new notifications with their promises, and what is withdrawn, in the caller's transaction.

    Args:
        behind: requests whose copies are to be rewritten.
    """
    places = _lanes(conn, changes.new)
    rows = [(ids.uuid7(), new) for new in changes.new]
    promises = [_promise(id, new, places) for id, new in rows] + changes.again
    conn.execute(
        _WRITE,
        {
            "id": [id for id, _ in rows],
            "workspace": [new.told.workspace for _, new in rows],
            "request": [new.told.request for _, new in rows],
            "kind": [new.kind for _, new in rows],
            "channel": [new.channel for _, new in rows],
            "person": [new.person for _, new in rows],
            "role": [new.role for _, new in rows],
            "revision": [new.told.revision for _, new in rows],
            "stage": [new.told.stage for _, new in rows],
            "priority": [RISKS.index(new.told.risk) for _, new in rows],
            "lane": [new.lane if new.slack is None else places[new.slack] for _, new in rows],
            "other": [new.other for _, new in rows],
            "digest": [new.digest for _, new in rows],
            "wanted": [new.told.sequence for _, new in rows],
            "due": [new.due_at for _, new in rows],
            "under": [new.under for _, new in rows],
            "message": [new.message for _, new in rows],
            "text": [new.text for _, new in rows],
            "pager": [new.pager for _, new in rows],
            "step": [new.step for _, new in rows],
            "requests": [one.request for one in behind],
            "sequences": [one.sequence for one in behind],
            "withdrawn": changes.withdrawn,
            "over": changes.over,
            **due_rows(promises),
        },
    )


def _lanes(conn: Connection[Any], new: Sequence[New]) -> dict[tuple[UUID, str], UUID]:
    wanted = [Wanted(one.told.workspace, *one.slack) for one in new if one.slack is not None]
    found = lanes.find(conn, wanted)
    return {(one.installation, one.address): lane for one, lane in found.items()}


def _promise(id: UUID, new: New, places: Mapping[tuple[UUID, str], UUID]) -> Promise:
    workspace = new.told.workspace
    if new.slack is not None:
        return Promise(SLACK, workspace, places[new.slack], new.due_at)
    if new.lane is not None:
        return Promise(SLACK, workspace, new.lane, new.due_at)
    if new.digest and new.person is not None:
        return Promise(DIGEST, workspace, new.person, new.due_at)
    return Promise(KIND_OF_CHANNEL[new.channel], workspace, id, new.due_at)


def _rewrites(conn: Connection[Any], behind: Sequence[Told], world: World) -> list[Promise]:
    """A turn in the lane of rewrites for each installation that shows one of these requests."""
    if not behind:
        return []
    found = conn.execute(
        """
        SELECT DISTINCT n.workspace_id, l.installation_id
          FROM notifications_notification n JOIN notifications_lane l ON l.id = n.lane_id
         WHERE n.request_id = ANY(%(requests)s) AND n.kind = 'asked' AND n.channel = 'slack'
        """,
        {"requests": [one.request for one in behind]},
    ).fetchall()
    wanted = [Wanted(row[0], row[1], "", "update") for row in found]
    return [
        Promise(SLACK, one.workspace, lane, world.now)
        for one, lane in lanes.find(conn, wanted).items()
    ]


def _alarmed(conn: Connection[Any], changes: Changes, now: datetime) -> list[Told]:
    if not changes.unreached:
        return []
    values = {
        "requests": [one.request for one in changes.unreached],
        "workspaces": [one.workspace for one in changes.unreached],
        "at": [now for _ in changes.unreached],
    }
    new = {row[0] for row in conn.execute(_UNREACHED, values).fetchall()}
    found = [one for one in changes.unreached if one.request in new]
    for workspace in {one.workspace for one in found}:
        about = [ids.encode("req", one.request) for one in found if one.workspace == workspace]
        said = f"{len(about)} requests wait" if len(about) > 1 else f"Request {about[0]} waits"
        text = (
            f"{said}, and nobody could be told. Open the page of channels: {alarms.channels_page()}"
        )
        alarms.tell(conn, workspace, text, now=now)
    return found
