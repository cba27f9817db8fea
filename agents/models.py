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
    """A credential of a program.  Only its hash is kept; the secret is shown once, when it is made."""

    class Kind(models.TextChoices):
        AGENT = "agt"
        TOOL = "tool"
        AUDITOR = "aud"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    kind = models.CharField(max_length=4, choices=Kind)
    #: Whose key it is; none for a tool's and an auditor's.
    agent = models.ForeignKey(Agent, on_delete=models.DO_NOTHING, db_constraint=False, null=True)
    #: What a tool or an auditor is called; an agent has a name of its own.
    name = models.CharField(max_length=80, blank=True, default="")
    #: The actions whose permits a tool may consume; empty: all of the workspace.
    actions = ArrayField(models.CharField(max_length=120), default=list)
    #: SHA-256 of the secret: at 160 random bits nothing slower is needed (ASVS 6.5.2).
    hash = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=40))
    #: Calls per minute; none means unlimited.
    rate_limit = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    #: The key that this one was made to replace (`agents.rotation`).
    replaces_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["replaces_id"], name="key_replaced_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["agt", "tool", "aud"]), name="key_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="agt", agent__isnull=False, name="", actions=[])
                | (models.Q(kind="tool", agent=None) & ~models.Q(name=""))
                | (models.Q(kind="aud", agent=None, actions=[]) & ~models.Q(name="")),
                name="key_of_agent_tool_or_auditor",
            ),
        ]
        indexes = [
            models.Index(fields=["agent"], name="key_agent"),
            models.Index(
                fields=["workspace", "-id"],
                condition=models.Q(agent=None),
                name="key_without_agent",
            ),
        ]


class Run(models.Model):
    """One task of an agent, as the agent declares it."""

    class State(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        ABANDONED = "abandoned"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    # The composite keys of migration 0004 hold agent, parent and initiator to the same workspace.
    agent = models.ForeignKey(
        Agent, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    #: The key that declared it; none where a signed-in person did.
    key_id = models.UUIDField(null=True)
    external_id = models.CharField(max_length=255)
    parent_id = models.UUIDField(null=True)
    agent_version = models.CharField(max_length=100, blank=True)
    #: The person who started it, where that is proven (api.md): they decide on nothing of it.
    initiator = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    #: What the agent told of it was erased then (migration 0008).
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="run_in_workspace"),
            models.UniqueConstraint(fields=["agent", "external_id"], name="run_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["running", "succeeded", "failed", "abandoned"]),
                name="run_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state="running", ended_at=None)
                | (~models.Q(state="running") & models.Q(ended_at__isnull=False)),
                name="run_ended_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["agent", "-created_at", "-id"], name="run_of_agent"),
            models.Index(fields=["agent", "agent_version", "created_at"], name="run_of_version"),
        ]


class Step(models.Model):
    """Something an agent says it did in a run: a call of a tool or of a model.

    Named as OpenTelemetry's conventions for generative AI name it (gen_ai.*).
    """

    class Kind(models.TextChoices):
        TOOL = "tool"
        MODEL = "model"

    class Status(models.TextChoices):
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        UNKNOWN = "unknown"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    run = models.ForeignKey(Run, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    #: Its place in the run, from 1.
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=200)
    call_id = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=10, choices=Status)
    error = models.TextField(blank=True)
    input_digest = models.BinaryField(max_length=32, null=True)
    output_digest = models.BinaryField(max_length=32, null=True)
    input_tokens = models.PositiveIntegerField(null=True)
    output_tokens = models.PositiveIntegerField(null=True)
    #: In the workspace's money, as the agent counts it.
    cost = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    labels = ArrayField(models.CharField(max_length=100))
    trace_id = models.CharField(max_length=32, blank=True)
    span_id = models.CharField(max_length=16, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="step_once"),
            models.UniqueConstraint(
                fields=["run", "call_id", "attempt"],
                condition=~models.Q(call_id=""),
                name="step_call_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["tool", "model"]), name="step_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["succeeded", "failed", "unknown"]),
                name="step_status_known",
            ),
        ]


class StoredAnswer(models.Model):
    """The stored answer to a call that was made with an idempotency key, kept for a day.

    Requests and questions keep their key themselves, for as long as they live.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    agent = models.ForeignKey(
        Agent, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    key = models.CharField(max_length=255)
    #: SHA-256 over method, path and canonical body.
    digest = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agent", "key"], name="stored_answer_once")]
        indexes = [models.Index(fields=["agent", "at"], name="stored_answer_age")]
