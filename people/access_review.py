"""Who held what on a given day.

Roles come from memberships, whose rows say from when until when they held and are never removed.  Whether
somebody was active, and which permissions they held, comes from the log: those rows say only what is so now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit.dossier import told_of
from people.sql import PERSON_NAME

_PEOPLE: Final = f"""
SELECT p.id, {PERSON_NAME.format(user="u")}, u.email, u.is_active
  FROM people_person p JOIN people_user u ON u.id = p.user_id
 WHERE p.workspace_id = %(workspace)s AND p.created_at <= %(at)s ORDER BY u.email, p.id
"""
_MEMBERSHIPS: Final = """
SELECT m.person_id, r.name, r.title, m.source, m.valid_from
  FROM people_membership m JOIN people_role r ON r.id = m.role_id
 WHERE m.workspace_id = %(workspace)s AND m.valid_from <= %(at)s
   AND (m.valid_until IS NULL OR m.valid_until > %(at)s)
 ORDER BY r.name, m.source
"""
_ROLES: Final = """
SELECT name, title FROM people_role
 WHERE workspace_id = %(workspace)s AND created_at <= %(at)s ORDER BY name
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A role that somebody held, why, and since when."""

    name: str
    title: str
    source: str
    since: datetime


@dataclass(slots=True)
class Standing:
    """A person as they stood then.  ``active`` false: none of it could be used.

    ``signs_in`` is as it is now: whether the user behind them was switched off on the server is not logged.
    """

    id: UUID
    name: str
    email: str
    signs_in: bool
    active: bool = False
    permissions: set[str] = field(default_factory=set)
    roles: list[Held] = field(default_factory=list)


def people_at(conn: Connection[Any], workspace: UUID, at: datetime) -> list[Standing]:
    """Everybody who was a person of the workspace then, by address."""
    values = {"workspace": workspace, "at": at}
    rows = conn.execute(_PEOPLE, values).fetchall()
    found = {row[0]: Standing(*row) for row in rows}
    for person, kind, data in told_of(conn, workspace, list(found), at):
        _happened(found[person], kind, data)
    for person, *held in conn.execute(_MEMBERSHIPS, values).fetchall():
        if person in found:
            found[person].roles.append(Held(*held))
    return list(found.values())


def roles_at(conn: Connection[Any], workspace: UUID, at: datetime) -> Sequence[tuple[str, str]]:
    """Name and title of every role that there was then, by name; titles as they are now."""
    rows = conn.execute(_ROLES, {"workspace": workspace, "at": at}).fetchall()
    return [(name, title) for name, title in rows]


def _happened(one: Standing, kind: str, data: Any) -> None:
    match kind:
        case "person.created" | "person.reactivated":
            one.active = True
        case "person.deactivated":
            one.active = False
        case "permission.granted":
            one.permissions.add(data["permission"])
        case "permission.revoked":
            one.permissions.discard(data["permission"])
        case _:
            pass
