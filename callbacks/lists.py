"""What endpoints there are, and what became of what was to be delivered there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from callbacks.models import Attempt, Callback, Endpoint
from core import paging
from core.db import pool
from core.paging import Page
from core.problems import bad_query
from signing import signatures

_ENDPOINTS: Final = """
SELECT e.id, e.agent_id, agent.name, agent.owner_id, e.url, e.events, e.state, e.reason, e.created_at,
       e.failures, e.open_until, e.failing_since, e.last_failure_at, e.last_success_at,
       e.headers IS NOT NULL, e.certificate IS NOT NULL,
       ARRAY(SELECT k.public FROM callbacks_endpointkey k
              WHERE k.endpoint_id = e.id AND (k.until IS NULL OR k.until > clock_timestamp())
              ORDER BY k.created_at DESC),
       (SELECT max(k.until) FROM callbacks_endpointkey k
         WHERE k.endpoint_id = e.id AND k.until > clock_timestamp()),
       (SELECT count(*) FROM callbacks_callback c WHERE c.endpoint_id = e.id AND c.state = 'pending')
  FROM callbacks_endpoint e
  JOIN agents_agent agent ON agent.id = e.agent_id
 WHERE e.workspace_id = %(workspace)s AND e.state <> 'deleted'
   AND (%(owner)s::uuid IS NULL OR agent.owner_id = %(owner)s)
   AND (%(endpoint)s::uuid IS NULL OR e.id = %(endpoint)s)
   AND (%(agent)s::uuid IS NULL OR e.agent_id = %(agent)s)
 ORDER BY e.id DESC
 LIMIT 500
"""
#: An endpoint that is not called any more was changed last when it was disabled, or after.
_DISABLED: Final = """
SELECT e.id, e.url, agent.name, e.reason, e.changed_at,
       (SELECT count(*) FROM (
            SELECT 1 FROM callbacks_callback c
             WHERE c.endpoint_id = e.id AND c.state = 'held'
             LIMIT %(most_held)s) AS counted)
  FROM agents_agent agent
  JOIN callbacks_endpoint e ON e.agent_id = agent.id AND e.state <> 'deleted'
 WHERE agent.workspace_id = %(workspace)s AND (%(owner)s::uuid IS NULL OR agent.owner_id = %(owner)s)
   AND e.state = 'disabled' AND e.reason <> 'by_hand'
   AND e.changed_at > statement_timestamp() - %(recent)s
 ORDER BY e.changed_at DESC, e.id
 LIMIT %(most)s
"""
MOST_DISABLED: Final = 100
#: Beyond this, what one holds is "more than".
MOST_HELD: Final = 99

#: What people ask of a list of deliveries; `failed` and `untried` are what `lines.replay_all` sends again.
GROUPS: Final = {
    "waiting": Q(state="pending"),
    "delivered": Q(state="delivered"),
    "failed": Q(state__in=["exhausted", "stopped", "held"], attempts__gt=0),
    "untried": Q(state="held", attempts=0),
}


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint as people see it; no secret is in here."""

    id: UUID
    agent_id: UUID
    agent_name: str
    owner_id: UUID
    url: str
    events: Sequence[str]
    state: str
    reason: str | None
    created_at: datetime
    failures: int
    open_until: datetime | None
    failing_since: datetime | None
    last_failure_at: datetime | None
    last_success_at: datetime | None
    has_headers: bool
    has_certificate: bool
    publics: Sequence[bytes]
    old_until: datetime | None
    waiting: int

    @property
    def public_keys(self) -> list[str]:
        """The public keys that verify ``v1a``, the newest first."""
        return [signatures.show_public(bytes(one)) for one in self.publics]


@dataclass(frozen=True, slots=True)
class Disabled:
    """An endpoint that was disabled by itself, when, and how much is held (at most 100)."""

    id: UUID
    url: str
    agent_name: str
    reason: str
    since: datetime
    held: int


def endpoints(
    *,
    workspace: UUID,
    owner: UUID | None = None,
    endpoint: UUID | None = None,
    agent: UUID | None = None,
) -> list[EndpointRow]:
    """The endpoints of a workspace, the newest first.

    Args:
        owner: only those of this person's agents.
        endpoint: only this one.
        agent: only those of this agent.
    """
    values: dict[str, Any] = {
        "workspace": workspace,
        "owner": owner,
        "endpoint": endpoint,
        "agent": agent,
    }
    with pool().connection() as conn:
        return [EndpointRow(*row) for row in conn.execute(_ENDPOINTS, values).fetchall()]


def disabled(*, workspace: UUID, owner: UUID | None, recent: timedelta) -> list[Disabled]:
    """Endpoints that were disabled by themselves no longer ago than `recent`, the latest first.

    Args:
        owner: only those of this person's agents.
    """
    values = {
        "workspace": workspace,
        "owner": owner,
        "recent": recent,
        "most": MOST_DISABLED,
        "most_held": MOST_HELD + 1,
    }
    with pool().connection() as conn:
        return [Disabled(*row) for row in conn.execute(_DISABLED, values).fetchall()]


def callbacks(
    *,
    endpoint: Endpoint,
    state: str | None = None,
    group: str | None = None,
    cursor: str | None,
    limit: int,
) -> Page[Callback]:
    """What was to be delivered to an endpoint, the newest first.

    Args:
        state: only what is in it.
        group: only one of `GROUPS`.

    Raises:
        Problem: 422 for an unknown state, a limit out of range or a foreign cursor.
    """
    paging.check_limit(limit)
    if state is not None and state not in Callback.State.values:
        raise bad_query("state", f"One of {', '.join(Callback.State.values)}.")
    found = Callback.objects.filter(endpoint=endpoint)
    if state is not None:
        found = found.filter(state=state)
    if group is not None:
        found = found.filter(GROUPS[group])
    place = paging.decode(cursor, "newest", 1) if cursor is not None else None
    backwards = place is not None and place.backwards
    if place is not None:
        try:
            key = UUID(place.key[0])
        except ValueError as error:
            raise paging.not_ours() from error
        found = found.filter(id__gt=key) if backwards else found.filter(id__lt=key)
    rows = list(found.order_by("id" if backwards else "-id")[: limit + 1])
    return paging.page([([str(row.id)], row) for row in rows], limit, "newest", place)


def attempts(callback: Callback, *, newest: int | None = None) -> list[Attempt]:
    """The tries to deliver a callback, in their order; of many only the `newest` ones."""
    found = Attempt.objects.filter(callback=callback)
    if newest is None:
        return list(found.order_by("number"))
    return list(found.order_by("-number")[:newest])[::-1]
