"""Who asks: registered agents and the keys that programs authenticate with."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from core.ids import uuid7
from people.models import Person, Workspace


class Agent(models.Model):
    """A registered program with a named human owner."""

    class State(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    name = models.CharField(max_length=80)
    # The composite key of migration 0002 holds the owner to the same workspace.
    owner = models.ForeignKey(Person, on_delete=models.DO_NOTHING, db_constraint=False)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="agent_once"),
            models.UniqueConstraint(fields=["workspace", "id"], name="agent_in_workspace"),
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "suspended", "retired"]),
                name="agent_state_known",
            ),
        ]


class Key(models.Model):
    """A credential of an agent.  Only its hash is kept; the secret is shown once, when it is made."""

    class Kind(models.TextChoices):
        AGENT = "agt"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    kind = models.CharField(max_length=4, choices=Kind)
    agent = models.ForeignKey(Agent, on_delete=models.DO_NOTHING, db_constraint=False)
    #: SHA-256 of the secret: at 160 random bits nothing slower is needed (ASVS 6.5.2).
    hash = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=40))
    #: Calls per minute; none means unlimited.
    rate_limit = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=["agt"]), name="key_kind_known"),
        ]
        indexes = [models.Index(fields=["agent"], name="key_agent")]
