"""Which version of a workspace's policy plans new requests."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from policies.compiled import cached, get
from policies.errors import PolicyErrors
from policies.models import Policy, PolicyVersion
from policies.terms import Document

_ACTIVE: Final = "SELECT active_id FROM policies_policy WHERE workspace_id = %s"
_TEXT: Final = "SELECT number, text FROM policies_policyversion WHERE id = %s"


def active_version(workspace_id: UUID) -> PolicyVersion | None:
    """The active version, or None where no policy was ever applied."""
    policy = Policy.objects.select_related("active").filter(workspace_id=workspace_id).first()
    return None if policy is None else policy.active


def document_of(conn: Connection[Any], workspace_id: UUID) -> Document | None:
    """The active version's document, compiled once per process.

    None where no policy was ever applied, or this release no longer accepts the one that was.
    """
    found = conn.execute(_ACTIVE, [workspace_id]).fetchone()
    if found is None or found[0] is None:
        return None
    policy = cached(found[0])
    if policy is None:
        version = conn.execute(_TEXT, [found[0]]).fetchone()
        if version is None:
            return None
        try:
            policy = get(found[0], version[1], number=version[0])
        except PolicyErrors:
            return None
    return policy.document
