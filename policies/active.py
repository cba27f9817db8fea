"""Which version of a workspace's policy plans new requests."""

from __future__ import annotations

from uuid import UUID

from policies.models import Policy, PolicyVersion


def active_version(workspace_id: UUID) -> PolicyVersion | None:
    """The active version, or None where no policy was ever applied."""
    policy = Policy.objects.select_related("active").filter(workspace_id=workspace_id).first()
    return None if policy is None else policy.active
