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
        indexes = [models.Index(fields=["workspace_id", "event"], name="pending_in_order")]


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


class Subtree(models.Model):
    """The hash of a complete subtree of 256, 65,536, … leaves: from these and the leaves comes any proof."""

    pk = models.CompositePrimaryKey("workspace_id", "level", "index")
    workspace_id = models.UUIDField()
    #: The subtree has ``2**level`` leaves; a multiple of `audit.nodes.STORED`.
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)


class Checkpoint(models.Model):
    """A signed statement of how long a workspace's log is, and of its root."""

    pk = models.CompositePrimaryKey("workspace_id", "number")
    workspace_id = models.UUIDField()
    #: From zero without gaps, so that one that is missing is seen.
    number = models.BigIntegerField()
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    #: The complete subtrees at the right edge, the largest first: all that growing needs.
    frontier = models.BinaryField()
    #: The signed note (c2sp.org/tlog-checkpoint).
    note = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace_id", "size"], name="checkpoint_size_once"),
            models.CheckConstraint(
                condition=models.Q(size__gt=0, number__gte=0), name="checkpoint_of_something"
            ),
        ]


class Hold(models.Model):
    """An anchor that a workspace's log contradicts: until it is accepted, nothing more is signed."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace_id = models.UUIDField()
    #: What the anchor says.
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    #: ``shorter``: the log ends before it; ``different``: the log has another root at this size.
    what = models.CharField(max_length=10)
    log_size = models.BigIntegerField()
    found_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace_id", "size", "root"], name="log_hold_once"),
            models.CheckConstraint(
                condition=models.Q(what__in=["shorter", "different"]), name="hold_what_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace_id"],
                condition=models.Q(accepted_at=None),
                name="hold_open",
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
