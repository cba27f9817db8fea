"""What is kept of sign-ins beside the users: their sessions, open challenges, wrong codes."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from core.ids import uuid7

#: Room for what a browser is called.
MAX_BROWSER: Final = 60


class UserSession(models.Model):
    """A session of a signed-in user, beside Django's row, with which it goes (migration 0009)."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    session_key = models.CharField(max_length=40, unique=True)
    #: How it was opened: ``password``, ``passkey``, ``single_sign_on``.
    by = models.CharField(max_length=20)
    #: The second factor that was asked for; empty: none was.
    factor = models.CharField(max_length=20, blank=True)
    signed_in_at = models.DateTimeField(db_default=Now())
    #: When its user last gave their password or a factor in it.
    proved_at = models.DateTimeField(db_default=Now())
    #: Written at most once a minute (`people.sessions`).
    last_seen_at = models.DateTimeField(db_default=Now())
    address = models.GenericIPAddressField(null=True)
    browser = models.CharField(max_length=MAX_BROWSER)

    class Meta:
        db_table = "people_session"


class Challenge(models.Model):
    """What a passkey was asked to sign, and for what: taken away by the first answer to it."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    #: Who is asked; nobody: whoever's passkey it is signs in.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True)
    purpose = models.CharField(max_length=20)
    #: The digest of what it is for, such as one revision of a request.
    about = models.BinaryField()
    challenge = models.BinaryField()
    address = models.GenericIPAddressField(null=True)
    expires_at = models.DateTimeField(db_index=True)


class CodeFailure(models.Model):
    """One wrong code of a user, counted to slow the next ones down."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["user", "at"], name="code_failure_user")]
