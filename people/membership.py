"""Memberships of one source made what they should be: begun, ended, and each change an event."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from audit import kinds
from audit.actor import Actor
from audit.log import record
from core import ids
from core.clock import ClockTimestamp
from people.models import Membership
from people.services import wake_after_commit


@dataclass(frozen=True, slots=True)
class Change:
    """A membership that began, or ended."""

    role: str
    person: UUID
    granted: bool


@transaction.atomic
def reconcile(
    *,
    actor: Actor,
    workspace: UUID,
    source: Membership.Source,
    wanted: Collection[tuple[UUID, UUID]],
    names: Mapping[UUID, str],
    people: Collection[UUID] | None = None,
) -> list[Change]:
    """Make the open memberships of `source` exactly `wanted`; rows of other sources are untouched.

    The caller holds the locks of the roles.

    Args:
        wanted: (role, person) pairs.
        names: of all roles of the workspace, by id.
        people: whose memberships are looked at; None: everybody's.
    """
    rows = Membership.objects.filter(workspace_id=workspace, source=source, valid_until=None)
    if people is not None:
        rows = rows.filter(person_id__in=people)
    present = {(row.role_id, row.person_id): row.id for row in rows}
    new = sorted(set(wanted) - present.keys())
    gone = sorted(present.keys() - set(wanted))
    Membership.objects.bulk_create(
        Membership(workspace_id=workspace, role_id=role, person_id=person, source=source)
        for role, person in new
    )
    Membership.objects.filter(id__in=[present[pair] for pair in gone]).update(
        valid_until=ClockTimestamp()
    )
    changes = [Change(names[role], person, True) for role, person in new]
    changes += [Change(names[role], person, False) for role, person in gone]
    for change in changes:
        tell = record_grant if change.granted else record_revoke
        tell(actor, workspace, change.role, change.person, source)
    return changes


def record_grant(actor: Actor, workspace: UUID, role: str, person: UUID, source: str) -> None:
    """The event of a membership that began; whatever the person has open looks again."""
    shown = ids.encode("per", person)
    record(
        actor=actor,
        workspace=workspace,
        subject=("per", person),
        data=kinds.RoleGranted(role=role, person=shown, source=str(source)),
    )
    wake_after_commit(person)


def record_revoke(actor: Actor, workspace: UUID, role: str, person: UUID, source: str) -> None:
    """The event of a membership that ended; whatever the person has open looks again."""
    shown = ids.encode("per", person)
    record(
        actor=actor,
        workspace=workspace,
        subject=("per", person),
        data=kinds.RoleRevoked(role=role, person=shown, source=str(source)),
    )
    wake_after_commit(person)
