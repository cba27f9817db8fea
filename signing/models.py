"""Which keys this instance signs with."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class SigningKey(models.Model):
    """An Ed25519 key pair of the instance.  One per purpose signs; those before it stay to be read."""

    class Purpose(models.TextChoices):
        PERMIT = "permit"
        LOG = "log"

    #: The thumbprint of the public key (RFC 7638), as ``kid`` in what it signs.
    id = models.CharField(primary_key=True, max_length=43)
    purpose = models.CharField(max_length=10, choices=Purpose)
    public = models.BinaryField(max_length=32)
    #: The private key's 32 bytes, sealed (`signing.sealing`).
    sealed = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["purpose"],
                condition=models.Q(retired_at__isnull=True),
                name="signing_key_active_once",
            ),
            models.CheckConstraint(
                condition=models.Q(purpose__in=["permit", "log"]), name="signing_key_purpose_known"
            ),
        ]
