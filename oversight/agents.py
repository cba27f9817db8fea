"""Who sees which agents and keys, and who changes them: the same for every door.

Administrators change them.  Who may ``view`` or ``audit`` sees all of them, an owner their own; for
everybody else they are absent.  An owner may also end keys of their own agents: taking a right away
waits for nobody.  No key can decide, so none of this reaches a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from agents import lists, services
from agents.errors import NoSuchOwner
from agents.lists import AgentRow, KeyRow, Version
from agents.models import Agent, Key
from agents.services import NewKey
from approvals import by_agent
from approvals.access import Reader
from approvals.by_agent import Asked
from audit.actor import Actor
from core import ids
from core.db import pool
from core.emails import normal_email
from core.paging import Page
from core.problems import FieldError, conflict, invalid, not_found
from oversight.access import must_administer
from oversight.models import Kill
from people.models import Person, Workspace

_SEE_ALL: Final = frozenset({"administer", "audit", "view"})
_STOPPED: Final = """
SELECT agent.id, min(kill.at)
  FROM oversight_kill kill
  JOIN agents_agent agent ON agent.id = ANY(kill.suspended)
 WHERE kill.workspace_id = %(workspace)s AND kill.undone_at IS NULL AND agent.state = 'suspended'
   AND agent.id = ANY(%(agents)s)
 GROUP BY agent.id
"""


@dataclass(frozen=True, slots=True)
class AgentLine:
    """An agent with what it asked, and since when the kill switch holds it."""

    row: AgentRow
    asked: Asked
    stopped_at: datetime | None


def sees_all(reader: Reader) -> bool:
    """Whether this person sees every agent and key of the workspace."""
    return not reader.permissions.isdisjoint(_SEE_ALL)


def sees_any(reader: Reader) -> bool:
    """Whether there is any agent for them to see, or could be."""
    return (
        sees_all(reader)
        or Agent.objects.filter(
            workspace_id=reader.workspace_id, owner_id=reader.person_id
        ).exists()
    )


def _owner(reader: Reader) -> UUID | None:
    return None if sees_all(reader) else reader.person_id


def listed(
    *, reader: Reader, search: str = "", state: str | None = None, cursor: str | None, limit: int
) -> Page[AgentLine]:
    """The agents that a person sees, by name; Problem as `agents.lists.agents`."""
    page = lists.agents(
        workspace=reader.workspace_id,
        owner=_owner(reader),
        search=search,
        state=state,
        cursor=cursor,
        limit=limit,
    )
    return Page(_lines(reader.workspace_id, page.items), page.next, page.previous)


def one(*, reader: Reader, agent: UUID) -> AgentLine:
    """One agent that a person sees.

    Raises:
        Problem: 404, whether it is absent or somebody else's.
    """
    row = lists.agent(workspace=reader.workspace_id, owner=_owner(reader), agent=agent)
    if row is None:
        raise not_found()
    return _lines(reader.workspace_id, [row])[0]


def versions(line: AgentLine) -> list[Version]:
    """The versions of it that were seen last."""
    return lists.versions(line.row.id)


def _lines(workspace: UUID, rows: Sequence[AgentRow]) -> list[AgentLine]:
    wanted = [row.id for row in rows]
    asked, stopped = by_agent.counts(wanted), _stopped(workspace, wanted)
    return [AgentLine(row, asked[row.id], stopped.get(row.id)) for row in rows]


def _stopped(workspace: UUID, agents: Sequence[UUID]) -> dict[UUID, datetime]:
    """Those of these agents that a use of the kill switch holds, and since when."""
    if not agents:
        return {}
    with pool().connection() as conn:
        values = {"workspace": workspace, "agents": list(agents)}
        return dict(conn.execute(_STOPPED, values).fetchall())


def managed(*, reader: Reader, agent: UUID) -> Agent:
    """One agent, to change it.

    Raises:
        Problem: 404 as `one`; 403 for who only looks.
    """
    one(reader=reader, agent=agent)
    must_administer(reader)
    return Agent.objects.select_related("workspace").get(id=agent)


@transaction.atomic
def set_state(*, actor: Actor, agent: Agent, state: Agent.State) -> bool:
    """Suspend, resume or retire an agent; false when it is in that state already.

    Raises:
        AgentRetired: a retired agent stays so.
        Problem: 409 ``agent_stopped``: what the kill switch holds, undoing its use gives back.
    """
    held = Agent.objects.select_for_update(no_key=True).get(id=agent.id)
    uses = Kill.objects.filter(workspace_id=held.workspace_id, undone_at=None)
    resumes = held.state == Agent.State.SUSPENDED and state == Agent.State.ACTIVE
    if resumes and uses.filter(suspended__contains=[held.id]).exists():
        raise conflict(
            "agent_stopped", "The kill switch stopped it: undo that use, and it acts again."
        )
    return services.set_state(actor=actor, agent=held, state=state)


@transaction.atomic
def change(
    *, actor: Actor, agent: Agent, owner: Person | None = None, state: Agent.State | None = None
) -> None:
    """Give an agent another owner, another state, or both together; what is None stays.

    Raises:
        NoSuchOwner, AgentRetired, Problem: as `agents.services.change_owner` and `set_state`.
    """
    if owner is not None:
        services.change_owner(actor=actor, agent=agent, owner=owner)
    if state is not None:
        set_state(actor=actor, agent=agent, state=state)


def create_named_key(
    *,
    actor: Actor,
    workspace: Workspace,
    kind: str,
    name: str,
    actions: Sequence[str],
    expires_in: timedelta | None,
) -> NewKey:
    """A key of a tool (``tool``) or an auditor (``aud``).

    Raises:
        BadText, BadAction: the input names what to change.
        Problem: 422 for another kind, and for actions of an auditor.
    """
    match kind:
        case Key.Kind.TOOL:
            return services.create_tool_key(
                actor=actor, workspace=workspace, name=name, actions=actions, expires_in=expires_in
            )
        case Key.Kind.AUDITOR if actions:
            fault = FieldError("/actions", "not_of_this_kind", "Only a tool uses permits.")
        case Key.Kind.AUDITOR:
            return services.create_auditor_key(
                actor=actor, workspace=workspace, name=name, expires_in=expires_in
            )
        case _:
            fault = FieldError("/kind", "unknown_kind", "Choose a tool or an auditor.")
    raise invalid([fault])


def keys(
    *,
    reader: Reader,
    agent: UUID | None,
    kind: str | None = None,
    cursor: str | None,
    limit: int,
) -> Page[KeyRow]:
    """The keys of an agent that a person sees, or (None) those of tools and auditors.

    Raises:
        Problem: 404; 422 as `agents.lists.keys`.
    """
    if agent is not None:
        one(reader=reader, agent=agent)
    elif not sees_all(reader):
        raise not_found()
    return lists.keys(
        workspace=reader.workspace_id, agent=agent, kind=kind, cursor=cursor, limit=limit
    )


def key_of(*, reader: Reader, key: UUID) -> KeyRow:
    """One key that a person sees.

    Raises:
        Problem: 404, whether it is absent or somebody else's.
    """
    row = lists.key(workspace=reader.workspace_id, key=key)
    if row is None or not (sees_all(reader) or row.owner_id == reader.person_id):
        raise not_found()
    return row


def may_revoke(reader: Reader, row: KeyRow) -> bool:
    """Whether this person may end a key that they see: administrators, and its agent's owner."""
    return "administer" in reader.permissions or row.owner_id == reader.person_id


def must_revoke(reader: Reader, row: KeyRow) -> None:
    """Refuse everybody else.

    Raises:
        Problem: 403.
    """
    if not may_revoke(reader, row):
        must_administer(reader)


def person_of(*, workspace: UUID, named: str) -> Person:
    """The active person with this id (``per_…``) or e-mail address, to own an agent.

    Raises:
        NoSuchOwner: there is none.
    """
    active = Person.objects.select_related("user").filter(
        workspace_id=workspace, active=True, user__is_active=True
    )
    named = named.strip()
    if "\0" in named:  # no address has one, and the database takes none
        raise NoSuchOwner
    if "@" in named:
        found = active.filter(user__email=normal_email(named)).first()
    else:
        try:
            found = active.filter(id=ids.decode("per", named)).first()
        except ids.BadId:
            found = None
    if found is None:
        raise NoSuchOwner
    return found
