"""What was asked, and how did it end?  Requests, their revisions, stages and decisions.

The hot statements live in `approvals.sql`; these models name the tables, hold the rules that one
row or table can state, and serve everything that is not hot.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from agents.models import Agent
from approvals.status import Basis, Status, Verdict, WaitingOn
from core.ids import uuid7
from people.models import Person, Workspace


class Request(models.Model):
    """One action waiting for, or past, its decision."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=10, default="request")
    # Composite keys (migration 0002) hold every relation inside one workspace.
    # Indexes below begin with workspace or agent: one of the column alone would only be kept up.
    agent = models.ForeignKey(
        Agent, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    #: The key that submitted it; keys may be removed, the fact stays.
    key_id = models.UUIDField()
    action = models.CharField(max_length=120)
    risk = models.CharField(max_length=10)
    title = models.TextField()
    status = models.CharField(max_length=10, choices=Status)
    waiting_on = models.CharField(max_length=10, choices=WaitingOn, null=True)
    basis = models.CharField(max_length=12, choices=Basis, null=True)
    #: The revision that counts, and the stage that is open (none once it ended).
    revision = models.PositiveIntegerField(default=1)
    stage = models.PositiveSmallIntegerField(null=True)
    #: The roles that any stage of the present plan asks: who may see it.
    roles = ArrayField(models.UUIDField())
    #: Canonical JSON of what the agent states: summary, context, evidence, metadata.
    stated = models.BinaryField()
    #: Grows with each change a waiting agent should hear of.
    sequence = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    idempotency_key = models.CharField(max_length=255, null=True)
    idempotency_digest = models.BinaryField(max_length=32, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="request_in_workspace"),
            models.UniqueConstraint(
                fields=["agent", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="request_idempotency",
            ),
            models.CheckConstraint(condition=Q(kind="request"), name="request_kind_known"),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="request_status_known"
            ),
            models.CheckConstraint(
                condition=Q(basis__isnull=True) | Q(basis__in=Basis.values),
                name="request_basis_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    status="pending",
                    waiting_on__in=WaitingOn.values,
                    stage__isnull=False,
                    basis=None,
                    ended_at=None,
                )
                | (
                    ~Q(status="pending")
                    & Q(waiting_on=None, stage=None, basis__isnull=False, ended_at__isnull=False)
                ),
                name="request_pending_or_ended",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gte=F("created_at")), name="request_deadline_after"
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "-created_at", "-id"],
                condition=Q(status="pending"),
                name="request_inbox",
            ),
            models.Index(fields=["workspace", "-created_at", "-id"], name="request_newest"),
            models.Index(fields=["agent", "-created_at", "-id"], name="request_of_agent"),
            models.Index(fields=["agent", "action", "created_at"], name="request_counted"),
        ]


class Revision(models.Model):
    """One version of a request's payload, and the plan that policy made for exactly these bytes."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    request = models.ForeignKey(
        Request,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="revisions",
    )
    number = models.PositiveIntegerField()
    #: RFC 8785 bytes: what is shown, digested, evaluated and, one day, permitted.
    payload = models.BinaryField()
    digest = models.BinaryField(max_length=32)
    policy_version_id = models.UUIDField()
    #: Canonical JSON of `policies.plan.Plan`, frozen.
    plan = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "request", "number"], name="revision_once"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="revision_from_one"),
        ]


class Stage(models.Model):
    """A step of a plan that has been opened: whom it asks, and how many must say what."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    request = models.ForeignKey(
        Request,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="stages",
    )
    revision = models.PositiveIntegerField()
    index = models.PositiveSmallIntegerField()
    roles = ArrayField(models.UUIDField())
    #: ``owner``: the agent's owner alone must confirm; otherwise members of the roles decide.
    confirm = models.CharField(max_length=10, null=True)
    approvals = models.PositiveSmallIntegerField()
    rejections = models.PositiveSmallIntegerField()
    distinct_from_earlier = models.BooleanField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "request", "revision", "index"], name="stage_once"
            ),
            models.CheckConstraint(
                condition=Q(approvals__gte=1, rejections__gte=1), name="stage_quorum"
            ),
            models.CheckConstraint(
                condition=Q(confirm__isnull=True) | Q(confirm="owner"), name="stage_confirm_known"
            ),
        ]


class Decision(models.Model):
    """One person's verdict at one stage of one revision; void where it no longer counts."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    request = models.ForeignKey(
        Request,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="decisions",
    )
    revision = models.PositiveIntegerField()
    stage = models.PositiveSmallIntegerField()
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    verdict = models.CharField(max_length=10, choices=Verdict)
    comment = models.TextField(blank=True)
    channel = models.CharField(max_length=10)
    assurance = models.CharField(max_length=10)
    at = models.DateTimeField()
    void_at = models.DateTimeField(null=True)
    void_reason = models.CharField(max_length=200, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "revision", "stage", "person"],
                condition=Q(void_at=None),
                name="decision_once",
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=Verdict.values), name="decision_verdict_known"
            ),
            models.CheckConstraint(
                condition=Q(void_at=None, void_reason=None)
                | Q(void_at__isnull=False, void_reason__isnull=False),
                name="decision_void_says_why",
            ),
        ]
        indexes = [models.Index(fields=["request", "revision"], name="decision_request")]
