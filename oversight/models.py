"""Keeping an eye on the whole: uses of the kill switch."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from core.ids import uuid7
from people.models import Workspace


class Kill(models.Model):
    """One use of the kill switch."""

    class Scope(models.TextChoices):
        AGENT = "agent"
        OWNER = "owner"
        WORKSPACE = "workspace"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    scope = models.CharField(max_length=10, choices=Scope)
    #: The agent, the owner (a person), or the workspace.
    target_id = models.UUIDField()
    #: Who pressed it; none for an operator at the machine.
    person_id = models.UUIDField(null=True)
    reason = models.TextField()
    at = models.DateTimeField()
    #: The agents that it suspended, which undoing gives back.
    suspended = ArrayField(models.UUIDField())
    cancelled = models.PositiveIntegerField()
    revoked = models.PositiveIntegerField()
    #: What had run already when it was pressed (JSON).
    had_run = models.BinaryField()
    undone_at = models.DateTimeField(null=True)
    undone_by_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scope__in=["agent", "owner", "workspace"]), name="kill_scope_known"
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="kill_newest")]
