"""Agents and their keys: every write, with its event in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Value

from agents import errors, keys
from agents.authentication import KNOWN_SCOPES, SCOPES
from agents.models import Agent, Key
from audit import kinds
from audit.actor import Actor
from audit.log import record
from core import ids
from core.clock import ClockTimestamp
from core.nudge import nudger
from people.models import Person, Workspace
from people.services import visible_text, wake_after_commit

NAME_LIMIT: Final = 80
ACTION_LIMIT: Final = 120
MAX_RATE_LIMIT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the only moment its text exists."""

    key: Key
    token: str


def topic(key_id: UUID) -> str:
    """What waits parked under a key wake on (`core.nudge`)."""
    return f"k:{key_id.hex}"


def agent_by_name(workspace: Workspace, name: str) -> Agent:
    """The agent of this name.

    Raises:
        NoSuchAgent: there is none.
    """
    try:
        return Agent.objects.get(workspace=workspace, name=name)
    except Agent.DoesNotExist:
        raise errors.NoSuchAgent(slug=workspace.slug, name=name) from None


@transaction.atomic
def create_agent(*, actor: Actor, workspace: Workspace, name: str, owner: Person) -> Agent:
    """Register a program, with the person who answers for it (and never decides on its requests).

    Raises:
        BadText, AgentTaken, OwnerInactive: the input names what to change.
    """
    shown = visible_text(name, limit=NAME_LIMIT)
    if not Person.objects.filter(id=owner.id, workspace=workspace, active=True).exists():
        raise errors.OwnerInactive(email=owner.user.email)
    try:
        with transaction.atomic():
            agent = Agent.objects.create(workspace=workspace, name=shown, owner=owner)
    except IntegrityError:
        raise errors.AgentTaken(name=shown, slug=workspace.slug) from None
    record(
        actor=actor,
        workspace=workspace.id,
        subject=("agt", agent.id),
        data=kinds.AgentCreated(name=shown, owner=ids.encode("per", owner.id)),
    )
    return agent


@transaction.atomic
def change_owner(*, actor: Actor, agent: Agent, owner: Person) -> bool:
    """Let somebody else answer for an agent; false where they do already.

    Whoever decides on its requests meanwhile waits: a yes that its new owner gave before counts no
    more, and the one before may decide from now on where a role asks them.

    Raises:
        NoSuchOwner, AgentRetired: the input names what to change.
    """
    held = Agent.objects.select_for_update(no_key=True).get(id=agent.id)
    # The person is held as well: whoever deactivates them at this moment comes before or after.
    answers = Person.objects.select_for_update(no_key=True, of=("self",)).filter(
        id=owner.id, workspace_id=held.workspace_id, active=True, user__is_active=True
    )
    if not answers.exists():
        raise errors.NoSuchOwner
    if held.owner_id == owner.id:
        return False
    if held.state == Agent.State.RETIRED:
        raise errors.AgentRetired(name=held.name)
    before, held.owner_id = held.owner_id, owner.id
    held.save(update_fields=["owner_id"])
    record(
        actor=actor,
        workspace=held.workspace_id,
        subject=("agt", held.id),
        data=kinds.AgentOwnerChanged(
            before=ids.encode("per", before), after=ids.encode("per", owner.id)
        ),
    )
    for person in (before, owner.id):
        wake_after_commit(person)
    return True


@transaction.atomic
def set_state(*, actor: Actor, agent: Agent, state: Agent.State) -> bool:
    """Suspend, resume or retire an agent; false when it is in that state already.

    Its keys go on authenticating, so that it can read what became of its requests and learn that
    it must stop; submitting answers 403.

    Raises:
        AgentRetired: a retired agent stays so.
    """
    held = Agent.objects.select_for_update(no_key=True).get(id=agent.id)
    if held.state == state:
        return False
    if held.state == Agent.State.RETIRED:
        raise errors.AgentRetired(name=held.name)
    before, held.state = held.state, state
    held.save(update_fields=["state"])
    record(
        actor=actor,
        workspace=held.workspace_id,
        subject=("agt", held.id),
        data=kinds.AgentStateChanged(before=before, after=state.value),
    )
    for key_id in Key.objects.filter(agent=held, revoked_at=None).values_list("id", flat=True):
        transaction.on_commit(partial(nudger.wake, topic(key_id)))
    return True


@transaction.atomic
def create_key(
    *,
    actor: Actor,
    agent: Agent,
    scopes: Sequence[str] = SCOPES,
    expires_in: timedelta | None = None,
    rate_limit: int | None = None,
) -> NewKey:
    """A new key of an agent beside those it has; its text is in the answer and nowhere else.

    Args:
        expires_in: counted from the database's clock; None never expires.
        rate_limit: calls per minute; None is unlimited.

    Raises:
        AgentRetired, BadRateLimit, BadScope: the input names what to change.
    """
    held = Agent.objects.select_for_update(no_key=True).get(id=agent.id)
    if held.state == Agent.State.RETIRED:
        raise errors.AgentRetired(name=held.name)
    if rate_limit is not None and not 1 <= rate_limit <= MAX_RATE_LIMIT:
        raise errors.BadRateLimit
    if not scopes or not set(scopes) <= set(KNOWN_SCOPES):
        raise errors.BadScope(known=", ".join(KNOWN_SCOPES))
    key_id = ids.uuid7()
    token, digest = keys.make(Key.Kind.AGENT, key_id)
    key = Key.objects.create(
        id=key_id,
        workspace_id=held.workspace_id,
        kind=Key.Kind.AGENT,
        agent=held,
        hash=digest,
        scopes=sorted(set(scopes)),
        rate_limit=rate_limit,
        expires_at=None if expires_in is None else ClockTimestamp() + Value(expires_in),
    )
    key.refresh_from_db()
    record(
        actor=actor,
        workspace=held.workspace_id,
        subject=("key", key.id),
        data=kinds.KeyCreated(
            kind=key.kind, agent=ids.encode("agt", held.id), scopes=list(key.scopes)
        ),
    )
    return NewKey(key, token)


@transaction.atomic
def create_tool_key(
    *,
    actor: Actor,
    workspace: Workspace,
    name: str,
    actions: Sequence[str] = (),
    expires_in: timedelta | None = None,
) -> NewKey:
    """A key with which a tool consumes permits; its text is in the answer and nowhere else.

    Args:
        name: what the tool is called, for people to read.
        actions: those whose permits it may consume; none: of every action.
        expires_in: counted from the database's clock; None never expires.

    Raises:
        BadText, BadAction: the input names what to change.
    """
    if any(not 0 < len(action) <= ACTION_LIMIT for action in actions):
        raise errors.BadAction
    return _named_key(
        actor, workspace, Key.Kind.TOOL, name, actions=sorted(set(actions)), expires_in=expires_in
    )


@transaction.atomic
def create_auditor_key(
    *, actor: Actor, workspace: Workspace, name: str, expires_in: timedelta | None = None
) -> NewKey:
    """A key with which an auditor reads, verifies and exports the log; its text is shown once.

    Args:
        name: what the auditor is called, for people to read.
        expires_in: counted from the database's clock; None never expires.

    Raises:
        BadText: the input names what to change.
    """
    return _named_key(actor, workspace, Key.Kind.AUDITOR, name, actions=[], expires_in=expires_in)


def _named_key(
    actor: Actor,
    workspace: Workspace,
    kind: Key.Kind,
    name: str,
    *,
    actions: list[str],
    expires_in: timedelta | None,
) -> NewKey:
    """A key of something that has no row of its own, with its event."""
    shown = visible_text(name, limit=NAME_LIMIT)
    key_id = ids.uuid7()
    token, digest = keys.make(kind, key_id)
    key = Key.objects.create(
        id=key_id,
        workspace=workspace,
        kind=kind,
        name=shown,
        actions=actions,
        hash=digest,
        scopes=[],
        expires_at=None if expires_in is None else ClockTimestamp() + Value(expires_in),
    )
    key.refresh_from_db()
    record(
        actor=actor,
        workspace=workspace.id,
        subject=("key", key.id),
        data=kinds.KeyCreated(
            kind=key.kind, agent=None, scopes=[], name=shown, actions=list(key.actions)
        ),
    )
    return NewKey(key, token)


@transaction.atomic
def revoke_key(*, actor: Actor, workspace: Workspace, key_id: UUID) -> bool:
    """End a key for good; false when it was revoked before.  Waits parked under it end at once.

    Raises:
        NoSuchKey: the workspace has none of this id.
    """
    key = Key.objects.filter(id=key_id, workspace=workspace).first()
    if key is None:
        raise errors.NoSuchKey(slug=workspace.slug, id=ids.encode("key", key_id))
    changed = Key.objects.filter(id=key.id, revoked_at=None).update(revoked_at=ClockTimestamp())
    if not changed:
        return False
    record(actor=actor, workspace=workspace.id, subject=("key", key.id), data=kinds.KeyRevoked())
    transaction.on_commit(partial(nudger.wake, topic(key.id)))
    return True
