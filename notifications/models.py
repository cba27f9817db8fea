"""How people are told: where each can be reached, what was sent there, and what came of it."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from core.ids import uuid7
from people.models import Person, User, Workspace


class SlackInstallation(models.Model):
    """An app in a Slack workspace (or a Grid organisation) that speaks for one workspace of ours."""

    class State(models.TextChoices):
        ACTIVE = "active"
        BROKEN = "broken"
        REMOVED = "removed"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    app_id = models.CharField(max_length=30)
    #: Null where a whole Grid organisation installed it.
    team_id = models.CharField(max_length=30, null=True)
    enterprise_id = models.CharField(max_length=30, null=True)
    name = models.CharField(max_length=120)
    bot_user_id = models.CharField(max_length=30)
    #: Sealed: what it calls Slack with, what Slack signs with, and the app-level token of Socket Mode.
    bot_token = models.BinaryField(null=True)
    signing_secret = models.BinaryField(null=True)
    app_token = models.BinaryField(null=True)
    #: The signing secret before, which counts until then.
    earlier_secret = models.BinaryField(null=True)
    earlier_until = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    reason = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="slack_in_workspace"),
            models.UniqueConstraint(
                fields=["workspace", "app_id", "team_id", "enterprise_id"],
                condition=~Q(state="removed"),
                nulls_distinct=False,
                name="slack_installed_once",
            ),
            models.CheckConstraint(
                condition=Q(team_id__isnull=False) | Q(enterprise_id__isnull=False),
                name="slack_team_or_enterprise",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["active", "broken"])
                | Q(
                    state="removed",
                    bot_token=None,
                    signing_secret=None,
                    app_token=None,
                    earlier_secret=None,
                ),
                name="slack_removed_keeps_no_secret",
            ),
            models.CheckConstraint(
                condition=Q(earlier_secret=None, earlier_until=None)
                | Q(earlier_secret__isnull=False, earlier_until__isnull=False),
                name="slack_earlier_secret_ends",
            ),
        ]
        indexes = [models.Index(fields=["app_id"], name="slack_of_app")]


class SlackBinding(models.Model):
    """A Slack user who is a person here, as they proved by opening a one-time link while signed in."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    # The composite keys of migration 0002 hold installation and person to the same workspace.
    installation = models.ForeignKey(
        SlackInstallation, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    person = models.ForeignKey(Person, on_delete=models.DO_NOTHING, db_constraint=False)
    #: The team the user belongs to, which in a Grid need not be the one they press in.
    team_id = models.CharField(max_length=30)
    user_id = models.CharField(max_length=30)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["installation", "user_id"],
                condition=Q(ended_at=None),
                name="slack_user_bound_once",
            ),
            models.UniqueConstraint(
                fields=["installation", "person"],
                condition=Q(ended_at=None),
                name="slack_person_bound_once",
            ),
        ]


class SlackLink(models.Model):
    """A one-time link that binds a Slack user to whoever opens it signed in; only its hash is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    installation = models.ForeignKey(
        SlackInstallation, on_delete=models.DO_NOTHING, db_constraint=False
    )
    team_id = models.CharField(max_length=30)
    user_id = models.CharField(max_length=30)
    #: What Slack calls the user: shown before they bind, never believed.
    user_name = models.CharField(max_length=120)
    token_hash = models.BinaryField(max_length=32, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="slack_link_age")]


class Lane(models.Model):
    """A place of Slack's that takes one call at a time: a channel's posts, or an app's rewrites.

    ``next_at`` is when it may be called again: whoever moves it forward has the turn.
    """

    class Kind(models.TextChoices):
        POST = "post"
        UPDATE = "update"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    installation = models.ForeignKey(
        SlackInstallation, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=10, choices=Kind)
    #: The channel or user that posts go to; empty for rewrites.
    address = models.CharField(max_length=60, blank=True)
    #: What Slack calls the place (a user's direct messages have an id of their own), once known.
    channel = models.CharField(max_length=30, blank=True)
    next_at = models.DateTimeField(db_default=Now())
    #: Since when Slack takes nothing there, and its word for why (``is_archived``).
    broken_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="slack_lane_in_workspace"),
            models.UniqueConstraint(
                fields=["installation", "kind", "address"], name="slack_lane_once"
            ),
        ]


class SlackPause(models.Model):
    """Slack asked not to be called with this method before: 429 with ``Retry-After``."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    installation = models.ForeignKey(
        SlackInstallation, on_delete=models.CASCADE, db_index=False, db_constraint=False
    )
    method = models.CharField(max_length=60)
    until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["installation", "method"], name="slack_pause_once")
        ]


class PushKey(models.Model):
    """The key pair that this server shows itself by to browsers' push services (VAPID, RFC 8292)."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    #: The uncompressed point on P-256, which browsers are given.
    public = models.BinaryField(max_length=65)
    private = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="push_key_one")]


class PushSubscription(models.Model):
    """A browser that a person asked to be notified in (Web Push, RFC 8030)."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    endpoint = models.TextField()
    #: SHA-256 of the address, which is too long for an index.
    endpoint_hash = models.BinaryField(max_length=32, unique=True)
    #: The browser's public key and secret (RFC 8291).
    key = models.BinaryField(max_length=65)
    secret = models.BinaryField(max_length=16)
    #: What the browser calls itself, for the list in settings.
    browser = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    last_success_at = models.DateTimeField(null=True)


class Preference(models.Model):
    """How a person wants to be told; where there is none, their roles and then the server say."""

    class Digest(models.TextChoices):
        NONE = "none"
        HOURLY = "hourly"
        DAILY = "daily"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    person = models.OneToOneField(Person, on_delete=models.DO_NOTHING, db_constraint=False)
    #: In the order in which they are tried; ``push`` is told besides, wherever it stands.
    channels = ArrayField(models.CharField(max_length=10), null=True)
    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    timezone = models.CharField(max_length=60, default="UTC")
    #: How low-risk requests are told: one by one, or gathered in one mail.
    digest = models.CharField(max_length=10, choices=Digest, default=Digest.NONE)
    #: Whether they hear how their own agents' requests ended.
    outcomes = models.BooleanField(default=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | (
                    Q(quiet_from__isnull=False, quiet_until__isnull=False)
                    & ~Q(quiet_from=F("quiet_until"))
                ),
                name="preference_quiet_hours",
            ),
            models.CheckConstraint(
                condition=Q(channels=None)
                | Q(channels__contained_by=["slack", "email", "push"], channels__len__gte=1),
                name="preference_channels_known",
            ),
        ]


class OtherChannel(models.Model):
    """A service that only tells, reached by an address of Apprise's that the operator set."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    name = models.CharField(max_length=60)
    #: The role whose requests are told there.
    role = models.CharField(max_length=64)
    #: Sealed: the address holds the service's own secrets.
    url = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="other_channel_once")
        ]


class Pager(models.Model):
    """What rings where nobody decides: PagerDuty, or any address that takes a signed message."""

    class Kind(models.TextChoices):
        PAGERDUTY = "pagerduty"
        WEBHOOK = "webhook"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    #: As policies name it.
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=Kind)
    url = models.TextField()
    #: Sealed: the routing key of PagerDuty's, or what a webhook's messages are signed with.
    secret = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="pager_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["pagerduty", "webhook"]), name="pager_kind_known"
            ),
        ]


class Notification(models.Model):
    """One message to one place about one request, as it was sent and as it is kept up to date."""

    class Kind(models.TextChoices):
        #: Somebody is asked to decide.
        ASKED = "asked"
        #: The agent's owner hears how it ended.
        OUTCOME = "outcome"
        #: Somebody who was asked hears of it once more.
        REMINDER = "reminder"
        #: Somebody who is not asked hears that nobody decides.
        NOTICE = "notice"
        #: A pager rings, and rings no more once it ended.
        PAGE = "page"
        UNPAGE = "unpage"
        #: Words of the conversation, beside the card.
        REPLY = "reply"
        #: An administrator tries a channel.
        TEST = "test"
        #: Administrators hear that a channel does not work, or that a request told nobody.
        ALARM = "alarm"
        #: Somebody shall say that they are there; nothing is asked.
        DRILL = "drill"

    class Channel(models.TextChoices):
        SLACK = "slack"
        EMAIL = "email"
        PUSH = "push"
        OTHER = "other"
        PAGER = "pager"

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        FAILED = "failed"
        #: There was nothing left to tell: it ended, or the person is not asked any more.
        WITHDRAWN = "withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    #: None for a test, an alarm and a drill.
    request_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=10, choices=Kind)
    channel = models.CharField(max_length=10, choices=Channel)
    #: Who is told; none: everybody in a role's channel.
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    role = models.CharField(max_length=64, blank=True)
    #: The revision and stage that it asks about.
    revision = models.PositiveIntegerField(default=0)
    stage = models.PositiveSmallIntegerField(default=0)
    #: 0 (critical) to 3 (low).
    priority = models.PositiveSmallIntegerField()
    #: Where in Slack, and in whose turn; the card that a reply stands under.
    lane = models.ForeignKey(
        Lane, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    under_id = models.UUIDField(null=True)
    #: The words of a reply, a test, an alarm or a drill; of the conversation, which of them.
    message_id = models.UUIDField(null=True)
    text = models.TextField(blank=True)
    #: One of several in a gathering mail.
    digest = models.BooleanField(default=False)
    other = models.ForeignKey(OtherChannel, on_delete=models.SET_NULL, null=True, db_index=False)
    pager = models.ForeignKey(Pager, on_delete=models.SET_NULL, null=True, db_index=False)
    #: The step of an escalation that it belongs to.
    step_id = models.UUIDField(null=True)
    #: The drill that it belongs to.
    drill_id = models.UUIDField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    #: Why it failed, or is late: the channel's own word.
    reason = models.CharField(max_length=200, blank=True)
    tries = models.PositiveIntegerField(default=0)
    #: Since when it fails, while it is tried again.
    failing_since = models.DateTimeField(null=True)
    #: Whoever sends it holds it until then.
    held_until = models.DateTimeField(null=True)
    #: What the provider calls it: ``C024BE91L:1700000000.000100``, a Message-ID.
    reference = models.CharField(max_length=200, blank=True)
    #: SHA-256 of what was last asked there, and the request's sequence as shown; ``wanted`` is to be shown.
    shown_digest = models.BinaryField(max_length=32, null=True)
    shown = models.PositiveIntegerField(default=0)
    wanted = models.PositiveIntegerField(default=0)
    #: SHA-256 of the token in its link, where it has one of its own, and until when that opens.
    token_hash = models.BinaryField(max_length=32, null=True)
    token_used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    #: It is not sent before: quiet hours, a gathering mail.
    due_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    #: When it was first opened, pressed, or its request looked at by this person.
    viewed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "request_id",
                    "kind",
                    "channel",
                    "revision",
                    "stage",
                    "person",
                    "lane",
                    "other",
                ],
                condition=Q(kind__in=["asked", "outcome"]),
                nulls_distinct=False,
                name="notification_once",
            ),
            models.UniqueConstraint(
                fields=["under_id", "message_id"],
                condition=Q(message_id__isnull=False),
                name="notification_reply_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["test", "alarm", "drill"], request_id=None)
                | (~Q(kind__in=["test", "alarm", "drill"]) & Q(request_id__isnull=False)),
                name="notification_about_a_request",
            ),
            models.CheckConstraint(
                condition=Q(kind="drill", drill_id__isnull=False)
                | (~Q(kind="drill") & Q(drill_id=None)),
                name="notification_of_a_drill",
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_at__isnull=False),
                name="notification_sent_says_when",
            ),
        ]
        indexes = [
            models.Index(
                fields=["request_id"],
                condition=Q(request_id__isnull=False),
                name="notification_of_request",
            ),
            models.Index(
                fields=["lane", "priority", "created_at"],
                condition=Q(state="pending", lane__isnull=False),
                name="notification_in_lane",
            ),
            models.Index(
                fields=["workspace"],
                condition=Q(state="sent", channel="slack") & Q(wanted__gt=F("shown")),
                name="notification_to_rewrite",
            ),
            models.Index(
                fields=["token_hash"],
                condition=Q(token_hash__isnull=False),
                name="notification_link",
            ),
            models.Index(fields=["workspace", "-id"], name="notification_newest"),
            models.Index(
                fields=["drill_id"],
                condition=Q(drill_id__isnull=False),
                name="notification_of_drill",
            ),
            models.Index(
                fields=["step_id"], condition=Q(step_id__isnull=False), name="notification_of_step"
            ),
        ]


class Unreached(models.Model):
    """A request that waits although nobody could be told of it: the worst that can happen to one."""

    request_id = models.UUIDField(primary_key=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    at = models.DateTimeField()
    #: When somebody was told after all, or it ended.
    over_at = models.DateTimeField(null=True)
