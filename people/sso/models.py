"""Who somebody is at the identity provider."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from core.ids import uuid7


class Identity(models.Model):
    """The one subject of a provider who signs in as a user, and the groups it was last seen in.

    It goes with the user (migration 0010), so that a person who is forgotten leaves none behind.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    # The key of migration 0010 deletes it with the user.
    user = models.OneToOneField(
        "people.User", on_delete=models.DO_NOTHING, db_constraint=False, related_name="identity"
    )
    issuer = models.CharField(max_length=200)
    subject = models.CharField(max_length=255)
    groups = ArrayField(models.CharField(max_length=200), default=list)
    linked_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "people"
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="identity_once"),
        ]
