"""What endpoints there are, and what became of what was to be delivered there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from callbacks import signatures
from callbacks.models import Attempt, Callback, Endpoint
from core import paging
from core.db import pool
from core.paging import Page
from core.problems import bad_query

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


def callbacks(
    *, endpoint: Endpoint, state: str | None, cursor: str | None, limit: int
) -> Page[Callback]:
    """What was to be delivered to an endpoint, the newest first.

    Raises:
        Problem: 422 for an unknown state, a limit out of range or a foreign cursor.
    """
    paging.check_limit(limit)
    if state is not None and state not in Callback.State.values:
        raise bad_query("state", f"One of {', '.join(Callback.State.values)}.")
    found = Callback.objects.filter(endpoint=endpoint)
    if state is not None:
        found = found.filter(state=state)
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


def attempts(callback: Callback) -> list[Attempt]:
    """The tries to deliver a callback, in their order."""
    return list(Attempt.objects.filter(callback=callback).order_by("number"))
