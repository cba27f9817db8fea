"""Telling what a user did: in the log of every workspace in which they are a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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
) -> None:
    """One event in each log; without an actor, the user's person there did it, on the web."""
    with transaction.atomic():
        for person in Person.objects.filter(user=user).order_by("id"):
            record(
                actor=actor or Actor.person(person.id, channel=CHANNEL),
                workspace=person.workspace_id,
                subject=("per", person.id),
                data=data,
                commits=commits or {},
            )
