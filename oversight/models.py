"""Keeping an eye on the whole: the kill switch, anchors of the log outside, erasures, holds, retention."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

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


class AnchorTarget(models.Model):
    """A place outside the database that a workspace's checkpoints go to."""

    class Kind(models.TextChoices):
        #: The folder that the operator configured: one file, the newest checkpoint.
        FILE = "file"
        #: An address that is told, signed as callbacks are.
        WEBHOOK = "webhook"
        #: A timestamp authority (RFC 3161).
        TSA = "tsa"

    class State(models.TextChoices):
        ACTIVE = "active"
        REMOVED = "removed"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    url = models.TextField(null=True)
    #: Certificates (PEM) that a timestamp must lead to; none: only that it is of our bytes is checked.
    roots = models.TextField(null=True)
    #: What signs a webhook's messages: 32 bytes each, the first two sealed.
    secret = models.BinaryField(null=True)
    private = models.BinaryField(null=True)
    public = models.BinaryField(max_length=32, null=True)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField(db_default=Now())
    # -- how it fares
    #: The newest checkpoint that lies there.
    anchored_number = models.BigIntegerField(null=True)
    anchored_size = models.BigIntegerField(null=True)
    anchored_at = models.DateTimeField(null=True)
    #: Failures since the last success, and what the last one was.
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="file", url=None)
                | Q(kind__in=["webhook", "tsa"], url__isnull=False),
                name="anchor_target_has_its_address",
            ),
            models.CheckConstraint(
                condition=Q(kind="webhook", secret__isnull=False, private__isnull=False)
                | Q(~Q(kind="webhook"), secret=None, private=None),
                name="anchor_target_signs_webhooks",
            ),
            models.UniqueConstraint(
                fields=["workspace", "kind", "url"],
                condition=Q(state="active"),
                nulls_distinct=False,
                name="anchor_target_once",
            ),
        ]


class Anchor(models.Model):
    """A checkpoint that was laid down outside.  Insert-only, as the log is."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    target = models.ForeignKey(AnchorTarget, on_delete=models.PROTECT, db_index=False)
    #: The checkpoint: its number, and of how many events.
    number = models.BigIntegerField()
    size = models.BigIntegerField()
    at = models.DateTimeField()
    #: The time-stamp token (DER), the time in it, and whether it leads to a certificate of the target.
    token = models.BinaryField(null=True)
    stamped_at = models.DateTimeField(null=True)
    trusted = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["target", "size"], name="anchor_once"),
        ]
        indexes = [models.Index(fields=["workspace", "size"], name="anchor_in_log")]


class Erasure(models.Model):
    """One erasure: what was erased, by its ids, and why; never the text it was found by."""

    class Scope(models.TextChoices):
        REQUEST = "request"
        CONTAINING = "containing"
        PERSON = "person"
        RETENTION = "retention"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    scope = models.CharField(max_length=10, choices=Scope)
    #: Ids as they are shown: ``req_…``, ``rec_…``, ``run_…``, ``kil_…``, ``per_…``.
    subjects = ArrayField(models.CharField(max_length=40))
    #: Who asked for it; none for an operator at the machine, and for retention.
    person_id = models.UUIDField(null=True)
    reason = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scope__in=["request", "containing", "person", "retention"]),
                name="erasure_scope_known",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="erasure_newest")]


class Hold(models.Model):
    """A legal hold: what it covers is not erased, and does not age, until it is lifted."""

    class Scope(models.TextChoices):
        WORKSPACE = "workspace"
        REQUEST = "request"
        PERSON = "person"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    scope = models.CharField(max_length=10, choices=Scope)
    target_id = models.UUIDField()
    reason = models.TextField()
    set_at = models.DateTimeField()
    #: Who set and who lifted it; none for an operator at the machine.
    set_by_id = models.UUIDField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lifted_by_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scope__in=["workspace", "request", "person"]), name="hold_scope_known"
            ),
            models.UniqueConstraint(
                fields=["workspace", "target_id"],
                condition=Q(lifted_at=None),
                name="hold_once",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="hold_newest")]


class Retention(models.Model):
    """How long a workspace keeps what ended requests say; without a row for ever."""

    workspace = models.OneToOneField(Workspace, on_delete=models.PROTECT, primary_key=True)
    days = models.PositiveIntegerField()
    set_at = models.DateTimeField()
    #: Up to where the present sweep has come, by when requests were created; none: it is through.
    reached = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(days__gte=1), name="retention_days_positive")
        ]
