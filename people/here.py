"""Who a signed-in user is in their workspaces, in one statement: every call of a person begins here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from core.db import pool

#: guardian's own tables; `people.permissions.permissions_of` says the same by the ORM, five times slower.
_HERE: Final = """
SELECT p.id, w.id, w.slug, w.name, ARRAY(
           SELECT perm.codename::text
             FROM people_workspaceuserpermission held
             JOIN auth_permission perm ON perm.id = held.permission_id
            WHERE held.user_id = u.id AND held.content_object_id = w.id
            UNION
           SELECT perm.codename::text
             FROM people_workspacegrouppermission held
             JOIN people_user_groups g ON g.group_id = held.group_id AND g.user_id = u.id
             JOIN auth_permission perm ON perm.id = held.permission_id
            WHERE held.content_object_id = w.id)
  FROM people_user u
  JOIN people_person p ON p.user_id = u.id AND p.active
  JOIN people_workspace w ON w.id = p.workspace_id
 WHERE u.id = %(user)s AND u.is_active AND (%(slug)s::text IS NULL OR w.slug = %(slug)s)
 ORDER BY w.slug
 LIMIT 20
"""


@dataclass(frozen=True, slots=True)
class Here:
    """One active person of a user, with the permissions on the workspace."""

    person_id: UUID
    workspace_id: UUID
    slug: str
    workspace_name: str
    permissions: frozenset[str]


def here(user_id: UUID, slug: str | None = None) -> list[Here]:
    """The user's active persons, by slug; only the one of a workspace where its slug is given."""
    with pool().connection() as conn:
        found = conn.execute(_HERE, {"user": user_id, "slug": slug}, prepare=True).fetchall()
    return [
        Here(person, workspace, slug, name, frozenset(held))
        for person, workspace, slug, name, held in found
    ]
