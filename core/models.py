"""Tables that belong to no topic: promises that fall due, and counters of rate limits."""

from __future__ import annotations

from django.db import models
from django.db.models import F

from core.ids import uuid7


class Due(models.Model):
    """A promise: something that must happen at ``due_at``, kept by whoever claims it first.

    Written in the transaction of the fact that caused it; `core.due` claims, leases and finishes it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    kind = models.CharField(max_length=60)
    workspace_id = models.UUIDField()
    subject = models.UUIDField()
    due_at = models.DateTimeField()
    #: Nobody may claim it before: the due time at first, then the end of the newest lease.
    ready_at = models.DateTimeField()
    #: Grows with each claim; whoever finishes must hold the newest.
    fence = models.IntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["kind", "ready_at"], name="due_ready"),
            models.Index(fields=["subject"], name="due_subject"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ready_at__gte=F("due_at")), name="due_ready_after_due"
            ),
        ]


class RateWindow(models.Model):
    """How many calls a limited key made in one window, counted where every process sees it."""

    key_id = models.UUIDField()
    window = models.BigIntegerField()
    count = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key_id", "window"], name="rate_window_once"),
        ]
