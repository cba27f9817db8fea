"""How agents are told: their endpoints, what is to be delivered there, and each try."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.models import Agent
from core.ids import uuid7
from people.models import Workspace


class Endpoint(models.Model):
    """An address of an agent that is called when something happens to its requests."""

    class State(models.TextChoices):
        ACTIVE = "active"
        DISABLED = "disabled"
        DELETED = "deleted"

    class Reason(models.TextChoices):
        """Why it is disabled."""

        BY_HAND = "by_hand"
        GONE = "gone"
        FAILING = "failing"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    # The composite key of migration 0002 holds the agent to the same workspace.
    agent = models.ForeignKey(
        Agent, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    url = models.TextField()
    #: Scheme, host and port of the address: a request's own ``callback_url`` must share them.
    origin = models.TextField()
    #: The types that are sent; empty: every one.
    events = ArrayField(models.CharField(max_length=40), default=list)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    reason = models.CharField(max_length=10, choices=Reason, null=True)
    #: Headers to send (JSON) and a client certificate with its key (PEM), sealed.
    headers = models.BinaryField(null=True)
    certificate = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    # -- how it fares (`callbacks.health`)
    #: Failures since the last success.
    failures = models.PositiveIntegerField(default=0)
    #: Nothing is sent before, beside one try.
    open_until = models.DateTimeField(null=True)
    suspect_since = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="endpoint_in_workspace"),
            models.UniqueConstraint(
                fields=["agent", "url"], condition=~Q(state="deleted"), name="endpoint_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["active", "deleted"], reason=None)
                | Q(state="disabled", reason__in=["by_hand", "gone", "failing"]),
                name="endpoint_disabled_says_why",
            ),
        ]
        indexes = [
            models.Index(fields=["agent"], condition=~Q(state="deleted"), name="endpoint_of_agent"),
            models.Index(fields=["workspace", "-id"], name="endpoint_newest"),
        ]


class EndpointKey(models.Model):
    """What signs the callbacks of one endpoint: a shared secret, and an Ed25519 key pair."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="keys")
    #: 32 bytes each, sealed.
    secret = models.BinaryField()
    private = models.BinaryField()
    public = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(db_default=Now())
    #: After a rotation, the one before it signs as well until then.
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint"], condition=Q(until=None), name="endpoint_key_newest_once"
            ),
        ]


class Callback(models.Model):
    """Something that an endpoint is told, under one id for as long as it takes."""

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        #: Every try failed.
        EXHAUSTED = "exhausted"
        #: The receiver asked for no more tries (``webhook-delivery: abort-message``).
        STOPPED = "stopped"
        #: Its endpoint was disabled: nothing is sent until somebody asks for it.
        HELD = "held"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    #: The request it tells of; none for what tells of the endpoint itself.
    request_id = models.UUIDField(null=True)
    type = models.CharField(max_length=40)
    url = models.TextField()
    #: Made once, before the first try, and sent unchanged.
    body = models.BinaryField(null=True)
    state = models.CharField(max_length=10, choices=State)
    #: Tries since it was last put in line, and in all.
    tries = models.PositiveIntegerField(db_default=0)
    attempts = models.PositiveIntegerField(db_default=0)
    created_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    #: What the last try came to: a status, or the kind of failure.
    last = models.CharField(max_length=20, blank=True, db_default="")
    #: Its request was erased then: it has no bytes and is not sent again (migration 0004).
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "delivered", "exhausted", "stopped", "held"]),
                name="callback_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="pending") | Q(next_at=None), name="callback_next_while_pending"
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="callback_of_endpoint"),
            models.Index(
                fields=["endpoint"], condition=Q(state="pending"), name="callback_in_line"
            ),
            models.Index(
                fields=["endpoint", "-id"],
                condition=Q(state__in=["exhausted", "stopped", "held"]),
                name="callback_not_arrived",
            ),
            models.Index(
                fields=["request_id"],
                condition=Q(request_id__isnull=False),
                name="callback_of_request",
            ),
        ]


class Attempt(models.Model):
    """One try to deliver a callback, and what came of it."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    callback = models.ForeignKey(
        Callback, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()
    #: The answer's status, or why there was none.
    status = models.PositiveSmallIntegerField(null=True)
    failure = models.CharField(max_length=20, blank=True)
    detail = models.TextField(blank=True)
    #: At most 20,000 bytes of the answer, secrets masked.
    response = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["callback", "number"], name="attempt_of_callback")]
