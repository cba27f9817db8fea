"""What is stored of schedules: those that the policy declares, overrides, and what calendars said."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from core.ids import uuid7


class OnCallSchedule(models.Model):
    """A schedule of the policy, by its name.

    One that is no longer declared keeps its row, which overrides and requests name, and says nothing
    any more (``spec`` is null).
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey("people.Workspace", on_delete=models.PROTECT, db_index=False)
    name = models.CharField(max_length=60)
    #: `people.schedules.terms.to_bytes`.
    spec = models.BinaryField(null=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="schedule_once"),
            models.UniqueConstraint(fields=["workspace", "id"], name="schedule_in_workspace"),
            models.CheckConstraint(
                condition=Q(active=True, spec__isnull=False) | Q(active=False, spec=None),
                name="schedule_says_who_while_active",
            ),
        ]


class Override(models.Model):
    """Somebody is on duty in place of everybody else, from ``begins_at`` until ``ends_at``."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey("people.Workspace", on_delete=models.PROTECT, db_index=False)
    # The composite keys of migration 0005 hold schedule and people to the same workspace.
    schedule = models.ForeignKey(
        OnCallSchedule, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    person = models.ForeignKey(
        "people.Person", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    #: None: an operator at the machine.
    created_by = models.ForeignKey(
        "people.Person",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    created_at = models.DateTimeField(db_default=Now())
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("begins_at")), name="override_ends_after_it_begins"
            ),
        ]
        indexes = [
            models.Index(
                fields=["schedule", "ends_at"],
                condition=Q(cancelled_at=None),
                name="override_standing",
            ),
        ]


class Feed(models.Model):
    """What a schedule's calendar said when it was last read, and how reading it fares.

    ``entries`` name people by id (`people.schedules.entries`): nothing of the calendar's own words is
    kept but, while it cannot be read, the reason.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey("people.Workspace", on_delete=models.PROTECT, db_index=False)
    schedule = models.OneToOneField(
        OnCallSchedule, on_delete=models.DO_NOTHING, db_constraint=False
    )
    #: The address it is read from; empty: people hand it in.
    source = models.CharField(max_length=2_000, blank=True)
    entries = models.BinaryField(null=True)
    #: When they were worked out, and until when they reach.
    expanded_at = models.DateTimeField(null=True)
    reaches = models.DateTimeField(null=True)
    #: How many times somebody is on duty by it, and how many of its names are nobody's here.
    events = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)
    #: SHA-256 of the calendar's bytes.
    digest = models.BinaryField(max_length=32, null=True)
    etag = models.CharField(max_length=200, blank=True)
    #: When it was last read, or found to say the same.
    fetched_at = models.DateTimeField(null=True)
    #: Since when it cannot be read, how often it was tried, and why.
    failed_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(failed_at=None, failures=0, reason="")
                | Q(failed_at__isnull=False, failures__gt=0),
                name="feed_that_failed_says_when",
            ),
            models.CheckConstraint(
                condition=Q(
                    entries=None, expanded_at=None, fetched_at=None, reaches=None, digest=None
                )
                | Q(
                    entries__isnull=False,
                    expanded_at__isnull=False,
                    fetched_at__isnull=False,
                    reaches__isnull=False,
                    digest__isnull=False,
                ),
                name="feed_that_was_read_says_when",
            ),
        ]
