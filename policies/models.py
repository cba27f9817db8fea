"""The policy of a workspace: every version ever saved, and which one is active."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from core.ids import uuid7
from people.models import Person, Workspace


class PolicyVersion(models.Model):
    """One saved document.  Never changed: the database refuses it (migration 0002)."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    text = models.TextField()
    digest = models.BinaryField(max_length=32)
    created_by = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, db_constraint=False, null=True
    )
    created_at = models.DateTimeField(db_default=Now())
    #: What whoever applied it said about it.
    comment = models.TextField(db_default="", default="")
    #: An address was taken out of text or comment then: the text may not be what the digest is of
    #: any more (migrations 0003, 0004).
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="policy_version_once"),
            models.UniqueConstraint(fields=["workspace", "id"], name="policy_version_in_workspace"),
        ]


class Policy(models.Model):
    """A workspace's policy: what permissions hang on, and the version that plans new requests."""

    workspace = models.OneToOneField(Workspace, on_delete=models.PROTECT, primary_key=True)
    active = models.ForeignKey(PolicyVersion, on_delete=models.DO_NOTHING, db_constraint=False)

    class Meta:
        default_permissions = ()
        permissions = [("edit", "Write and try policy"), ("approve", "Activate policy")]


class PolicyUserPermission(UserObjectPermissionBase):
    """A permission of one user on one workspace's policy (guardian, direct table)."""

    content_object = models.ForeignKey(Policy, on_delete=models.CASCADE)


class PolicyGroupPermission(GroupObjectPermissionBase):
    """The same for a group; guardian wants both tables."""

    content_object = models.ForeignKey(Policy, on_delete=models.CASCADE)
