"""Telling what a user did: in the log of every workspace in which they are a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from django.db import transaction

from audit import kinds
from audit.actor import Actor
from audit.log import Commitment, record
from people.models import Person, User

CHANNEL: Final = "web"


def tell(
    user: User,
    data: kinds.Data,
    commits: Mapping[str, Commitment] | None = None,
    *,
    actor: Actor | None = None,
    home: UUID | None = None,
) -> None:
    """One event in each log.

    Args:
        actor: none: the user's person there did it, on the web.
        home: the workspace that the actor belongs to: the others learn what happened, and not from whom.
    """
    with transaction.atomic():
        for person in Person.objects.filter(user=user).order_by("id"):
            by = actor or Actor.person(person.id, channel=CHANNEL)
            if home not in (None, person.workspace_id):
                by = Actor.system("account_link")
            record(
                actor=by,
                workspace=person.workspace_id,
                subject=("per", person.id),
                data=data,
                commits=commits or {},
            )


def from_address(address: str) -> dict[str, Commitment]:
    """What an event commits to of where somebody came from: their network address."""
    return {"address": Commitment(address.encode())}
