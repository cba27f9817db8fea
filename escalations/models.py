"""What the clock did while nobody decided: the steps of escalations, as they were taken."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from core.ids import uuid7
from people.models import Person, Workspace


class Step(models.Model):
    """One step of a plan's escalation that was taken, or passed over, at one stage of one revision.

    What has no row was not due, or became void: its stage closed before.  The row is what makes a step
    happen once: whoever writes it does what it says in the same transaction.
    """

    class Kind(models.TextChoices):
        #: Whoever is asked and has not decided hears of it once more.
        REMIND = "remind"
        #: Others are told; they may look, and do not decide.
        NOTIFY = "notify"
        #: One more role may decide.
        WIDEN = "widen"
        #: A pager is called.
        PAGE = "page"
        #: The request meets its deadline now.
        EXPIRE = "expire"

    class State(models.TextChoices):
        FIRED = "fired"
        #: A later one was due as well when it was looked at: only that one was taken.
        COLLAPSED = "collapsed"
        #: There was nobody to tell, or nothing to change; ``reason`` says which.
        SKIPPED = "skipped"

    class Cause(models.TextChoices):
        #: Its time had come.
        CLOCK = "clock"
        #: A person said: now.
        PERSON = "person"
        #: Nobody could be told of the request, or the step before it reached nobody.
        UNREACHED = "unreached"

    id = models.UUIDField(primary_key=True, default=uuid7)
    # Without a way back: the steps of runs (`agents.models`) have the name already.
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    request_id = models.UUIDField()
    revision = models.PositiveIntegerField()
    stage = models.PositiveSmallIntegerField()
    #: Its place in the plan's escalation, from 0; each repetition is a step of its own.
    number = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    #: Whom or what it is about, as the plan says: ``role:finance_lead``, a pager's name; else empty.
    target = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=10, choices=State)
    cause = models.CharField(max_length=10, choices=Cause)
    reason = models.CharField(max_length=200, blank=True)
    #: Who said: now.
    by_id = models.UUIDField(null=True)
    #: How many messages it wrote.
    told = models.PositiveIntegerField(default=0)
    #: When it should have been taken, and when it was.
    due_at = models.DateTimeField()
    at = models.DateTimeField(db_default=Now())
    #: When it turned out that none of its messages could be delivered.
    undelivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request_id", "revision", "stage", "number"], name="escalation_step_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["remind", "notify", "widen", "page", "expire"]),
                name="escalation_step_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(state="fired", reason="") | (~Q(state="fired") & ~Q(reason="")),
                name="escalation_step_passed_over_says_why",
            ),
            models.CheckConstraint(
                condition=Q(cause="person", by_id__isnull=False)
                | (Q(cause__in=["clock", "unreached"]) & Q(by_id=None)),
                name="escalation_step_says_whose",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "at"], name="escalation_step_newest")]


class Drill(models.Model):
    """Messages that ask nothing, sent as a request's would be, to see who is reached and how fast."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    #: The role that it is for; empty: all of the policy.
    role = models.CharField(max_length=64, blank=True)
    #: None: an operator at the machine.
    started_by = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="drill_in_workspace"),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="drill_newest")]


class DrillPerson(models.Model):
    """Somebody whom a drill is for, whether or not there was a way to tell them."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    # The composite keys of migration 0003 hold drill and person to the same workspace.
    drill = models.ForeignKey(
        Drill,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="people",
    )
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    #: The roles that make it so, by name.
    roles = ArrayField(models.CharField(max_length=64))
    #: When they opened its page first, and when they said that they are there.
    seen_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["drill", "person"], name="drill_person_once"),
            models.CheckConstraint(
                condition=Q(confirmed_at=None) | Q(seen_at__isnull=False),
                name="drill_confirmed_was_seen",
            ),
        ]
