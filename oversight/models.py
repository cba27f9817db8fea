"""Keeping an eye on the whole: the kill switch, anchors and exports of the log, erasures,
holds, retention, and what watches the clock."""

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


class Export(models.Model):
    """A part of the log that somebody asked for.  Its bytes are not kept: they can be written again."""

    class Format(models.TextChoices):
        JSONL = "jsonl"
        CSV = "csv"

    class Target(models.TextChoices):
        #: Downloaded by whoever may read the log.
        DOWNLOAD = "download"
        #: Sent to the store that the operator configured.
        S3 = "s3"

    class State(models.TextChoices):
        #: A worker writes it once, to know its length and hash, or sends it.
        WRITING = "writing"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    #: Who asked, as in events: ``{type, id, via}`` (canonical JSON).
    actor = models.BinaryField()
    #: Conditions by the names of docs/log-format.md (canonical JSON).
    query = models.BinaryField()
    format = models.CharField(max_length=5, choices=Format)
    target = models.CharField(max_length=10, choices=Target)
    #: The checkpoint that it leads to, and of how many events.
    checkpoint = models.TextField()
    size = models.BigIntegerField()
    #: Sizes at which anchors were made a moment before; older ones are found among the anchors.
    anchored = ArrayField(models.BigIntegerField(), default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.WRITING)
    # -- how far it is
    #: How much of the log was looked at, and how many events and bytes were written.
    walked = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    # -- what it came to
    sha256 = models.BinaryField(max_length=32, null=True)
    manifest = models.TextField(null=True)
    #: Places at which writing can go on (JSON), so that a download need not begin anew.
    places = models.BinaryField(null=True)
    finished_at = models.DateTimeField(null=True)
    #: Of one that goes to a store: the key of the object, and the upload that is under way.
    object_key = models.TextField(null=True)
    upload = models.TextField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(format__in=["jsonl", "csv"], target__in=["download", "s3"]),
                name="export_format_known",
            ),
            models.CheckConstraint(
                condition=Q(state="writing", finished_at=None)
                | Q(state="failed", finished_at__isnull=False)
                | Q(
                    state="ready",
                    finished_at__isnull=False,
                    sha256__isnull=False,
                    manifest__isnull=False,
                    places__isnull=False,
                ),
                name="export_writing_or_ended",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="export_newest")]


class Watch(models.Model):
    """What was found when somebody last looked whether the clock does its work: one row of the server.

    Whoever raises ``turn`` looks; what it finds counts only while the turn is still its own.
    """

    id = models.PositiveSmallIntegerField(primary_key=True)
    turn = models.BigIntegerField()
    begun_at = models.DateTimeField()
    #: When a look was last finished, and when one last found nothing wrong.
    looked_at = models.DateTimeField(null=True)
    well_at = models.DateTimeField(null=True)
    #: JSON: a list of `oversight.watching.findings.Found`.
    findings = models.BinaryField()
    #: When the heartbeat last arrived, since when it does not, and why.
    beat_at = models.DateTimeField(null=True)
    beat_failing_since = models.DateTimeField(null=True)
    beat_error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="watch_of_the_server_one"),
            models.CheckConstraint(
                condition=Q(beat_failing_since=None, beat_error="")
                | (Q(beat_failing_since__isnull=False) & ~Q(beat_error="")),
                name="watch_heartbeat_fails_says_why",
            ),
        ]
