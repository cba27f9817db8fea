"""Who decides: workspaces, the users of this server, who they are in a workspace, and their roles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from core.emails import normal_email
from core.ids import uuid7
from people.schedules.models import Feed, OnCallSchedule, Override
from people.session_models import Challenge, CodeFailure, UserSession
from people.sso.models import Identity

__all__ = [
    "AccountLink", "Challenge", "CodeFailure", "Feed", "Identity", "KnownAddress", "Membership",
    "OnCallSchedule", "Override", "Person", "ResetAsked", "Role", "SignInFailure", "User", "UserManager",
    "UserSession", "Workspace", "WorkspaceGroupPermission", "WorkspaceUserPermission",
]  # fmt: skip


class UserManager(BaseUserManager["User"]):
    """Creates users; the only way in which an e-mail address is written."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A user with this address (normalised) and password; without one, nobody can sign in as them."""
        user = self.model(email=normal_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=normal_email(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who can sign in: one per e-mail address on the whole server."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    #: Part of what a session is checked against on every request: raising it ends all of them.
    session_generation = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.name or self.email

    def get_session_auth_hash(self) -> str:
        """What a session must match to count: changes with the password and with the generation."""
        return self._session_hash(None)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same under secret keys that were rotated out."""
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._session_hash(secret)

    def _session_hash(self, secret: str | bytes | None) -> str:
        return salted_hmac(
            "people.User.session",
            f"{self.session_generation}:{self.password}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()


class Workspace(models.Model):
    """A tenant: its own agents, people, policy and log.  Nothing crosses."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=120)
    #: Whether callbacks may go to plain http addresses.
    plain_http = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        permissions = [
            ("administer", "Manage people, agents, keys and settings"),
            ("audit", "Read, verify and export the log"),
            ("view", "See every request"),
            ("decide_fallback", "Be asked when nobody else can be"),
        ]

    def __str__(self) -> str:
        return self.slug


class WorkspaceUserPermission(UserObjectPermissionBase):
    """A permission of one user on one workspace, with a real foreign key (guardian, direct table)."""

    content_object = models.ForeignKey(Workspace, on_delete=models.CASCADE)


class WorkspaceGroupPermission(GroupObjectPermissionBase):
    """The same for a group; guardian wants both tables."""

    content_object = models.ForeignKey(Workspace, on_delete=models.CASCADE)


class Person(models.Model):
    """A user in one workspace."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    user = models.ForeignKey(User, on_delete=models.PROTECT)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())
    deactivated_at = models.DateTimeField(null=True)
    #: The user behind it is nobody since then (`people_erase`, migration 0004).
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="person_once"),
            models.UniqueConstraint(fields=["workspace", "id"], name="person_in_workspace"),
            models.CheckConstraint(
                condition=models.Q(active=True, deactivated_at=None)
                | models.Q(active=False, deactivated_at__isnull=False),
                name="person_deactivated_says_when",
            ),
        ]

    @property
    def name(self) -> str:
        """The name to show: the user's own, else the address."""
        return str(self.user)


class Role(models.Model):
    """A named group of people who own a kind of decision."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    name = models.CharField(max_length=60)
    title = models.CharField(max_length=120)
    #: The name of the schedule by which its members are on duty, as the policy says.
    schedule = models.CharField(max_length=60, null=True)
    #: The group of the identity provider whose people are in it, as the policy says.
    idp_group = models.CharField(max_length=200, null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="role_once"),
            models.UniqueConstraint(fields=["workspace", "id"], name="role_in_workspace"),
        ]


class Membership(models.Model):
    """A person in a role, why (``source``), and for how long.

    Each source reconciles only its own rows: a person may be in a role for two reasons at once.
    """

    class Source(models.TextChoices):
        POLICY = "policy"
        MANUAL = "manual"
        IDP = "idp"

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    # The composite keys of migration 0002 hold role and person to the same workspace.
    role = models.ForeignKey(Role, on_delete=models.DO_NOTHING, db_constraint=False)
    person = models.ForeignKey(Person, on_delete=models.DO_NOTHING, db_constraint=False)
    source = models.CharField(max_length=10, choices=Source)
    valid_from = models.DateTimeField(db_default=Now())
    valid_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["role", "person", "source"],
                condition=models.Q(valid_until=None),
                name="membership_once_per_source",
            ),
            models.CheckConstraint(
                condition=models.Q(source__in=["policy", "manual", "idp"]),
                name="membership_source_known",
            ),
        ]
        indexes = [models.Index(fields=["person", "role"], name="membership_person")]


class Absence(models.Model):
    """A time in which somebody is away, and who fills their seats then; nobody where none stands in.

    It holds from ``begins_at`` until ``ends_at``, the latter not included, or until it was ended
    (``ended_at``): called off before it began, or come back early.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    # The composite keys of migration 0006 hold everybody to the same workspace.
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    stand_in = models.ForeignKey(
        Person,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    #: The person who declared it; none: an operator.
    created_by = models.ForeignKey(
        Person,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("begins_at")), name="absence_has_a_length"
            ),
            models.CheckConstraint(
                condition=models.Q(stand_in=None) | ~models.Q(stand_in=models.F("person")),
                name="absence_stand_in_is_another",
            ),
        ]
        indexes = [
            models.Index(fields=["person", "ends_at"], name="absence_person"),
            models.Index(
                fields=["stand_in", "ends_at"],
                condition=models.Q(ended_at=None),
                name="absence_stand_in",
            ),
        ]


class SignInFailure(models.Model):
    """One failed sign-in, counted by account and by address to slow the next tries down."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    account = models.CharField(max_length=254)
    address = models.GenericIPAddressField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["account", "at"], name="failure_account"),
            models.Index(fields=["address", "at"], name="failure_address"),
        ]


class KnownAddress(models.Model):
    """A network address from which a user has signed in: strangers' failures do not shut it out."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    address = models.GenericIPAddressField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "address"], name="known_address_once")
        ]


class AccountLink(models.Model):
    """A mail about somebody's account, and the one link that it carries; only its hash is kept.

    A notice carries none: it tells a user of this server that they are in another workspace now.  Nor does
    a warning: it tells a user what was changed of how they sign in, since it may not have been them.
    """

    class Kind(models.TextChoices):
        INVITATION = "invitation"
        RESET = "reset"
        NOTICE = "notice"
        WARNING = "warning"

    class About(models.TextChoices):
        """What a warning is about."""

        PASSWORD = "password"
        TOTP = "totp"
        PASSKEY = "passkey"
        FACTOR_GONE = "factor_gone"
        FACTORS_GONE = "factors_gone"
        CODES = "codes"
        CODE_USED = "code_used"
        LINKED = "linked"
        UNLINKED = "unlinked"

    class Handed(models.TextChoices):
        """Whom the link was shown to; nobody: it went by mail alone, so it proves the mailbox."""

        NOBODY = ""
        ADMINISTRATOR = "administrator"
        OPERATOR = "operator"

    class Mailed(models.TextChoices):
        NONE = "none"
        PENDING = "pending"
        SENT = "sent"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7)
    kind = models.CharField(max_length=10, choices=Kind)
    about = models.CharField(max_length=12, choices=About, blank=True, default="", db_default="")
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    #: In which workspace it was made; none: the user asked for it at the door, or an operator did.
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, null=True, db_index=False)
    # The composite keys of migration 0008 hold both to the same workspace.
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    created_by = models.ForeignKey(
        Person,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    token_hash = models.BinaryField(max_length=32, null=True, unique=True)
    handed_to = models.CharField(max_length=13, choices=Handed, default=Handed.NOBODY)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    #: Taken back, or followed by another.
    ended_at = models.DateTimeField(null=True)
    mailed = models.CharField(max_length=7, choices=Mailed, default=Mailed.NONE)
    tries = models.PositiveSmallIntegerField(default=0)
    #: Why the last try to mail it failed.
    reason = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["notice", "warning"], token_hash=None, expires_at=None)
                | models.Q(
                    kind__in=["invitation", "reset"],
                    token_hash__isnull=False,
                    expires_at__isnull=False,
                ),
                name="account_link_ends",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="warning") ^ models.Q(about=""),
                name="account_link_warns_of_something",
            ),
            models.CheckConstraint(
                condition=models.Q(person=None) | models.Q(workspace__isnull=False),
                name="account_link_person_has_workspace",
            ),
        ]
        indexes = [
            models.Index(fields=["person", "-created_at"], name="account_link_person"),
        ]


class ResetAsked(models.Model):
    """One time that somebody asked for a password to be reset, counted by account and by address."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    account = models.CharField(max_length=254)
    address = models.GenericIPAddressField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["account", "at"], name="reset_asked_account"),
            models.Index(fields=["address", "at"], name="reset_asked_address"),
        ]
