"""What was asked, and how did it end?  Requests, their revisions, stages and decisions.

The hot statements live in `approvals.sql`; these models name the tables, hold the rules that one
row or table can state, and serve everything that is not hot.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from agents.models import Agent
from approvals.status import Basis, Kind, PermitState, Status, Verdict, WaitingOn
from core.ids import uuid7
from people.models import Person, Workspace


class Request(models.Model):
    """One action waiting for, or past, its decision."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.REQUEST)
    # Composite keys (migration 0002) hold every relation inside one workspace.
    # Indexes below begin with workspace or agent: one of the column alone would only be kept up.
    agent = models.ForeignKey(
        Agent, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    #: The key that submitted it; keys may be removed, the fact stays.
    key_id = models.UUIDField()
    #: The run it belongs to, and the proven person who started that run: excluded like the owner.
    run_id = models.UUIDField(null=True)
    initiator_id = models.UUIDField(null=True)
    action = models.CharField(max_length=120)
    risk = models.CharField(max_length=10)
    title = models.TextField()
    status = models.CharField(max_length=10, choices=Status)
    waiting_on = models.CharField(max_length=10, choices=WaitingOn, null=True)
    basis = models.CharField(max_length=12, choices=Basis, null=True)
    #: The revision that counts, and the stage that is open (none once it ended).
    revision = models.PositiveIntegerField(default=1)
    stage = models.PositiveSmallIntegerField(null=True)
    #: Who said that they look into it.  Others may decide all the same.
    claimed_by_id = models.UUIDField(null=True)
    #: The roles that any stage of the present plan asks: who may see it.
    roles = ArrayField(models.UUIDField())
    #: Canonical JSON of what the agent states: summary, context, evidence, metadata.
    stated = models.BinaryField()
    #: Grows with each change a waiting agent should hear of.
    sequence = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    #: A reviewer moved the deadline then, which they may once.
    extended_at = models.DateTimeField(null=True)
    extended_by_id = models.UUIDField(null=True)
    #: People who were told while nobody decided: they may see it, and do not decide.
    told = ArrayField(models.UUIDField(), db_default=[], default=list)
    ended_at = models.DateTimeField(null=True)
    idempotency_key = models.CharField(max_length=255, null=True)
    idempotency_digest = models.BinaryField(max_length=32, null=True)
    #: Of an approved action: where its permit is, and until when the agent may ask for one.
    permit_state = models.CharField(max_length=10, choices=PermitState, null=True)
    use_by = models.DateTimeField(null=True)
    #: A tool used its permit, and nobody told what came of it in time.
    result_missing = models.BooleanField(db_default=False)
    #: Since when its agent's owner ought to look: it lapsed, or its result is missing.
    unsettled_at = models.DateTimeField(null=True)
    #: Where this request's callbacks go, and by which of the agent's endpoints; none: to all of them.
    callback_url = models.TextField(null=True)
    callback_endpoint_id = models.UUIDField(null=True)
    #: Its content was erased: payloads are ``null`` and digests empty since then (migration 0010); by a
    #: person, or ``erased_as`` ``operator`` or ``retention``.
    erased_at = models.DateTimeField(null=True)
    erased_by_id = models.UUIDField(null=True)
    erased_as = models.CharField(max_length=10, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="request_in_workspace"),
            models.UniqueConstraint(
                fields=["agent", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="request_idempotency",
            ),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="request_kind_known"),
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
            models.CheckConstraint(
                condition=Q(permit_state=None, use_by=None)
                | Q(
                    permit_state__in=PermitState.values,
                    use_by__isnull=False,
                    status="approved",
                    kind="request",
                ),
                name="request_permit_of_approved",
            ),
            models.CheckConstraint(
                condition=Q(callback_url=None, callback_endpoint_id=None)
                | Q(callback_url__isnull=False, callback_endpoint_id__isnull=False),
                name="request_callback_by_endpoint",
            ),
            models.CheckConstraint(
                condition=Q(extended_at=None, extended_by_id=None)
                | Q(extended_at__isnull=False, extended_by_id__isnull=False),
                name="request_extended_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None, erased_by_id=None, erased_as=None)
                | (
                    Q(erased_at__isnull=False, erased_as__in=["person", "operator", "retention"])
                    & ~Q(status="pending")
                ),
                name="request_erased_says_by_whom",
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
            models.Index(
                fields=["agent", "action"], condition=Q(revision__gt=1), name="request_revised"
            ),
            models.Index(
                fields=["run_id"], condition=Q(run_id__isnull=False), name="request_of_run"
            ),
            models.Index(
                fields=["workspace", "-created_at", "-id"],
                condition=Q(basis="break_glass"),
                name="request_past_the_plan",
            ),
            models.Index(
                fields=["agent"],
                condition=Q(status="pending") | Q(permit_state__in=["open", "issued"]),
                name="request_to_stop",
            ),
            models.Index(
                fields=["agent", "permit_state", "-unsettled_at"],
                condition=Q(unsettled_at__isnull=False),
                name="request_unsettled",
            ),
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
    #: What the agent stated with this revision; none: as it stated with the first.
    stated = models.BinaryField(null=True)
    #: Who changed the payload: a person, or else the agent itself.
    author_id = models.UUIDField(null=True)
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
    #: ``owner`` or ``initiator``: that person alone must confirm; otherwise members of the roles decide.
    confirm = models.CharField(max_length=10, null=True)
    approvals = models.PositiveSmallIntegerField()
    rejections = models.PositiveSmallIntegerField()
    distinct_from_earlier = models.BooleanField()
    opened_at = models.DateTimeField()
    #: For how long, in all, it waited for its agent, and since when it does: the clock of its escalation
    #: stands still then.
    paused = models.DurationField(db_default=timedelta(0), default=timedelta)
    paused_at = models.DateTimeField(null=True)
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
                condition=Q(confirm__isnull=True) | Q(confirm__in=["owner", "initiator"]),
                name="stage_confirm_known",
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
    #: Whose seat the person filled, while they were away; null: their own.
    on_behalf_of = models.ForeignKey(
        Person,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    verdict = models.CharField(max_length=10, choices=Verdict)
    comment = models.TextField(blank=True)
    #: Canonical JSON, with the verdict ``answer``.
    answer = models.BinaryField(null=True)
    channel = models.CharField(max_length=10)
    assurance = models.CharField(max_length=10)
    #: Of what the channel showed (`approvals.shown`); null for older votes, and once erased.
    shown_digest = models.BinaryField(max_length=32, null=True)
    #: How long the voter had had it open (`approvals.looks`); null: nobody knows.
    dwell_ms = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    void_at = models.DateTimeField(null=True)
    void_reason = models.CharField(max_length=200, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "revision", "stage", "person"],
                condition=Q(void_at=None) & ~Q(verdict="return"),
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
            models.CheckConstraint(
                condition=Q(verdict="answer", answer__isnull=False)
                | (~Q(verdict="answer") & Q(answer=None)),
                name="decision_answer_says_what",
            ),
            models.CheckConstraint(
                condition=Q(on_behalf_of=None) | ~Q(on_behalf_of=F("person")),
                name="decision_on_behalf_of_another",
            ),
        ]
        indexes = [
            models.Index(fields=["request", "revision"], name="decision_request"),
            models.Index(fields=["person", "request"], name="decision_of_person"),
        ]


class Message(models.Model):
    """Words about a request: to the agent (``return``), from it (``message``), or among people (``comment``)."""

    class Kind(models.TextChoices):
        RETURN = "return"
        MESSAGE = "message"
        COMMENT = "comment"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    request = models.ForeignKey(
        Request, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    revision = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    #: The person who wrote it; none: the agent did.
    person_id = models.UUIDField(null=True)
    text = models.TextField()
    #: Canonical JSON: a list of what the agent points to.
    evidence = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="message", person_id=None)
                | Q(kind__in=["return", "comment"], person_id__isnull=False),
                name="message_says_whose",
            )
        ]
        indexes = [models.Index(fields=["request", "at"], name="message_request")]


class Permit(models.Model):
    """Leave to run exactly one approved action, once: what the agent picked up and a tool consumes."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    # The composite keys of migration 0008 hold request, revision and agent to the same workspace.
    request = models.ForeignKey(
        Request,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="permits",
    )
    revision = models.PositiveIntegerField()
    agent = models.ForeignKey(
        Agent, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    action = models.CharField(max_length=120)
    #: SHA-256 of the canonical payload's stored bytes.
    digest = models.BinaryField(max_length=32)
    #: The agent's key that asked for it.
    key_id = models.UUIDField()
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)
    #: The tool's key that used it, and the idempotency key it sent.
    consumed_by_id = models.UUIDField(null=True)
    consume_key = models.CharField(max_length=255, null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request"],
                condition=Q(consumed_at=None, revoked_at=None),
                name="permit_live_once",
            ),
            models.UniqueConstraint(
                fields=["request"], condition=Q(consumed_at__isnull=False), name="permit_used_once"
            ),
            models.CheckConstraint(
                condition=Q(consumed_at=None) | Q(revoked_at=None), name="permit_used_or_revoked"
            ),
            models.CheckConstraint(
                condition=Q(consumed_at=None, consumed_by_id=None)
                | Q(consumed_at__isnull=False, consumed_by_id__isnull=False),
                name="permit_used_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["request", "-issued_at"], name="permit_of_request")]


class Result(models.Model):
    """What the agent reports after acting.  Success is never guessed."""

    class Status(models.TextChoices):
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        UNKNOWN = "unknown"

    request = models.OneToOneField(
        Request, on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True
    )
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    status = models.CharField(max_length=10, choices=Status)
    detail = models.TextField(blank=True)
    cost = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    key_id = models.UUIDField()
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["succeeded", "failed", "unknown"]),
                name="result_status_known",
            )
        ]


class Watch(models.Model):
    """A person who wants to follow a request that they may see."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    request = models.ForeignKey(
        Request, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    person_id = models.UUIDField()
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "person_id"], name="watch_once")]
        indexes = [models.Index(fields=["person_id"], name="watch_person")]


class Look(models.Model):
    """When a person first opened a revision of a request while it waited."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    request = models.ForeignKey(
        Request, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    revision = models.PositiveIntegerField()
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "revision", "person"], name="look_first_only"
            ),
        ]


class SavedView(models.Model):
    """Part of the inbox that a person named, to find it again."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    name = models.CharField(max_length=60)
    #: As the inbox's address says it, in the one order of `approvals.filters`.
    query = models.TextField()
    #: Its place among the person's, from 0; two may share one for a moment.
    position = models.PositiveSmallIntegerField()
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "name"], name="saved_view_name_once"),
            models.UniqueConstraint(
                fields=["person"], condition=Q(is_default=True), name="saved_view_default_once"
            ),
        ]


class BreakGlass(models.Model):
    """An administrator's yes past the plan: two of them, on one revision, end it approved."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    request = models.ForeignKey(
        Request, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    revision = models.PositiveIntegerField()
    person_id = models.UUIDField()
    reason = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "revision", "person_id"], name="break_glass_once"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="break_glass_says_why"),
        ]


class BreakGlassReview(models.Model):
    """A third person looked at a request that was approved past its plan."""

    request = models.OneToOneField(
        Request, on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True
    )
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    person_id = models.UUIDField()
    comment = models.TextField()
    at = models.DateTimeField()


class RecordedAction(models.Model):
    """An action that an agent took without asking, as it tells it afterwards."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    agent = models.ForeignKey(
        Agent, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    key_id = models.UUIDField()
    run_id = models.UUIDField(null=True)
    action = models.CharField(max_length=120)
    risk = models.CharField(max_length=10)
    title = models.TextField()
    payload = models.BinaryField()
    digest = models.BinaryField(max_length=32)
    policy_version_id = models.UUIDField()
    #: What policy would have said (canonical JSON, as in a revision).
    plan = models.BinaryField()
    stated = models.BinaryField()
    at = models.DateTimeField()
    #: What it says was erased then.
    erased_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["agent", "-at", "-id"], name="record_of_agent"),
            models.Index(
                fields=["run_id"], condition=Q(run_id__isnull=False), name="record_of_run"
            ),
        ]
