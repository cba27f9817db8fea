"""What happened: facts that are only ever added.

``Event`` is insert-only, by triggers and by grants (migration 0002).  What could identify somebody or
be guessed stands in ``Side``, which may be erased; the event keeps only its commitment.
"""

from __future__ import annotations

from django.db import models

from core.ids import uuid7


class Event(models.Model):
    """One audited fact: the canonical bytes (RFC 8785) that will be a leaf of the workspace's tree."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace_id = models.UUIDField()
    kind = models.CharField(max_length=60)
    at = models.DateTimeField()
    #: What the event is about (a request, a person, a key), so that its history can be read.
    subject = models.UUIDField()
    body = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["subject", "at"], name="event_subject"),
            models.Index(fields=["workspace_id", "at"], name="event_workspace"),
        ]


class Pending(models.Model):
    """An event that has no position in the tree yet; the sequencer removes the row."""

    event = models.OneToOneField(Event, on_delete=models.DO_NOTHING, primary_key=True)
    workspace_id = models.UUIDField()

    class Meta:
        indexes = [models.Index(fields=["workspace_id"], name="pending_workspace")]


class Leaf(models.Model):
    """An event's place in its workspace's tree."""

    event = models.OneToOneField(Event, on_delete=models.DO_NOTHING, primary_key=True)
    workspace_id = models.UUIDField()
    position = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace_id", "position"], name="leaf_position_once"),
            models.CheckConstraint(
                condition=models.Q(position__gte=0), name="leaf_position_from_zero"
            ),
        ]


class Side(models.Model):
    """What one commitment of an event commits to: SHA-256(salt ‖ bytes).

    ``body`` is empty where the bytes stand in a row of their own (a revision's payload and plan).
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace_id = models.UUIDField()
    event = models.ForeignKey(Event, on_delete=models.DO_NOTHING, db_index=False)
    name = models.CharField(max_length=40)
    salt = models.BinaryField(max_length=16)
    body = models.BinaryField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "name"], name="side_once")]
