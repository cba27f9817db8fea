"""Replacing a key: another with the same rights at once, and an end for the old one after a while.

A key is replaced once (a constraint says so): of two who rotate it at the same moment, one is told
that it was done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Least

from agents import errors, keys
from agents.models import Agent, Key
from agents.services import NewKey
from audit import kinds
from audit.actor import Actor
from audit.log import record
from core import ids
from core.clock import ClockTimestamp
from core.problems import conflict
from people.models import Workspace

#: How long the old key goes on, unless somebody says otherwise, and at most.
OVERLAP: Final = timedelta(hours=24)
MOST_OVERLAP: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Rotated:
    """The new key, at the only moment its text exists, and when the old one ends."""

    made: NewKey
    old_until: datetime


@transaction.atomic
def rotate_key(
    *,
    actor: Actor,
    workspace: Workspace,
    key_id: UUID,
    overlap: timedelta = OVERLAP,
    expires_in: timedelta | None = None,
) -> Rotated:
    """Make a key with the same rights in the place of another, which ends when ``overlap`` is over.

    Args:
        overlap: from a second to `MOST_OVERLAP`; a key that expires earlier ends then.
        expires_in: of the new key; None: as long as the old one was made for.

    Raises:
        NoSuchKey, BadOverlap, AgentRetired: the input names what to change.
        Problem: 409 ``key_over`` for a key that was revoked or has expired, ``key_rotated`` for one
            that was replaced before.
    """
    if not timedelta(seconds=1) <= overlap <= MOST_OVERLAP:
        raise errors.BadOverlap(days=MOST_OVERLAP.days)
    old = _locked(workspace, key_id)
    new_id = ids.uuid7()
    token, digest = keys.make(old.kind, new_id)
    lasts = expires_in or (old.expires_at - old.created_at if old.expires_at else None)
    Key.objects.create(
        id=new_id,
        workspace_id=old.workspace_id,
        kind=old.kind,
        agent_id=old.agent_id,
        name=old.name,
        actions=list(old.actions),
        hash=digest,
        scopes=list(old.scopes),
        rate_limit=old.rate_limit,
        replaces_id=old.id,
        expires_at=None if lasts is None else ClockTimestamp() + Value(lasts),
    )
    # LEAST leaves out what is null: a key that never expired ends now as well.
    Key.objects.filter(id=old.id).update(
        expires_at=Least("expires_at", ClockTimestamp() + Value(overlap))
    )
    old.refresh_from_db()
    made = NewKey(Key.objects.get(id=new_id), token)
    _tell(actor, old, made.key, overlap)
    assert old.expires_at is not None  # noqa: S101  # it was set above
    return Rotated(made, old.expires_at)


def _locked(workspace: Workspace, key_id: UUID) -> Key:
    """The key that may be replaced, held until the transaction ends; its agent first."""
    found = Key.objects.filter(id=key_id, workspace=workspace).first()
    if found is None:
        raise errors.NoSuchKey(slug=workspace.slug, id=ids.encode("key", key_id))
    if found.agent_id is not None:
        agent = Agent.objects.select_for_update(no_key=True).get(id=found.agent_id)
        if agent.state == Agent.State.RETIRED:
            raise errors.AgentRetired(name=agent.name)
    held = Key.objects.select_for_update().get(id=found.id)
    now = Key.objects.filter(id=held.id).values_list(ClockTimestamp(), flat=True).get()
    if held.revoked_at is not None or (held.expires_at is not None and held.expires_at <= now):
        raise conflict("key_over", "This key was revoked or has expired: make another one.")
    if Key.objects.filter(replaces_id=held.id).exists():
        raise conflict("key_rotated", "This key was replaced before: rotate the one after it.")
    return held


def _tell(actor: Actor, old: Key, new: Key, overlap: timedelta) -> None:
    agent = None if new.agent_id is None else ids.encode("agt", new.agent_id)
    made = kinds.KeyCreated(
        kind=new.kind,
        agent=agent,
        scopes=list(new.scopes),
        name=new.name,
        actions=list(new.actions),
    )
    rotated = kinds.KeyRotated(
        after=ids.encode("key", new.id), overlap_s=round(overlap.total_seconds())
    )
    for key, data in ((new, made), (old, rotated)):
        record(actor=actor, workspace=key.workspace_id, subject=("key", key.id), data=data)
