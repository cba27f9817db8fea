"""The people of a workspace as whoever looks after them sees them: what they hold, and whether they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import Connection

from core import paging
from core.db import pool
from core.emails import normal_email
from core.paging import Page
from core.problems import bad_query
from people.absences import Away, away_now
from people.sql import MEMBERSHIP_IS_VALID, PERSON_NAME

Which = Literal["active", "invited", "inactive", "all"]
WHICH: Final[tuple[Which, ...]] = ("active", "invited", "inactive", "all")
ORDER: Final = "people"
MAX_SEARCH: Final = 200

#: A user who came: with a password, or by other means.
_CAME: Final = "(u.password NOT LIKE '!%%' OR u.last_login IS NOT NULL)"
_ACTS: Final = "(p.active AND u.is_active)"
#: Somebody whose invitation waits: they did not come, and nobody took it back.
_INVITED: Final = f"""
({_ACTS} AND NOT {_CAME} AND EXISTS (
    SELECT 1 FROM people_accountlink l
     WHERE l.person_id = p.id AND l.kind = 'invitation' AND l.used_at IS NULL AND l.ended_at IS NULL))
"""
_NARROWED: Final[Mapping[Which, str]] = {
    "all": "p.erased_at IS NULL",
    "active": _ACTS,
    "invited": _INVITED,
    "inactive": f"p.erased_at IS NULL AND NOT {_ACTS}",
}
#: What the list sorts by, as PostgreSQL has it: no other lower case is quite the same.
_KEY: Final = f"lower({PERSON_NAME.format(user='u')})"
_COLUMNS: Final = f"""
SELECT p.id, u.id, {PERSON_NAME.format(user="u")}, u.email, {_ACTS}, {_CAME}, p.created_at, p.deactivated_at,
       p.erased_at, u.last_login,
       EXISTS (SELECT 1 FROM people_person other WHERE other.user_id = u.id AND other.id <> p.id),
       EXISTS (SELECT 1 FROM people_accountlink l
                WHERE l.user_id = u.id AND l.used_at IS NOT NULL AND l.handed_to = ''
                  AND NOT EXISTS (SELECT 1 FROM mfa_authenticator a
                                   WHERE a.user_id = u.id AND a.created_at < l.used_at)),
       {_KEY}
  FROM people_person p JOIN people_user u ON u.id = p.user_id
 WHERE p.workspace_id = %(workspace)s
"""
_MEMBERSHIPS: Final = f"""
SELECT m.person_id, r.name, r.title, m.source, m.valid_from
  FROM people_membership m JOIN people_role r ON r.id = m.role_id
 WHERE m.person_id = ANY(%(people)s) AND {MEMBERSHIP_IS_VALID}
 ORDER BY r.name, m.source
"""
_PERMISSIONS: Final = """
SELECT held.user_id, perm.codename::text
  FROM people_workspaceuserpermission held JOIN auth_permission perm ON perm.id = held.permission_id
 WHERE held.user_id = ANY(%(users)s) AND held.content_object_id = %(workspace)s
 UNION
SELECT g.user_id, perm.codename::text
  FROM people_workspacegrouppermission held
  JOIN people_user_groups g ON g.group_id = held.group_id AND g.user_id = ANY(%(users)s)
  JOIN auth_permission perm ON perm.id = held.permission_id
 WHERE held.content_object_id = %(workspace)s
"""
_INVITATIONS: Final = """
SELECT DISTINCT ON (l.person_id) l.person_id, l.created_at, l.expires_at, l.expires_at <= clock_timestamp(),
       l.mailed, l.reason
  FROM people_accountlink l
 WHERE l.person_id = ANY(%(people)s) AND l.kind = 'invitation' AND l.used_at IS NULL AND l.ended_at IS NULL
 ORDER BY l.person_id, l.created_at DESC
"""
_ROLES: Final = """
SELECT r.id, r.name, r.title, r.schedule FROM people_role r
 WHERE r.workspace_id = %(workspace)s ORDER BY r.name
"""
_MEMBERS: Final = f"""
SELECT m.role_id, p.id, {PERSON_NAME.format(user="u")}, {_CAME}, m.source, m.valid_from
  FROM people_membership m
  JOIN people_person p ON p.id = m.person_id
  JOIN people_user u ON u.id = p.user_id
 WHERE m.workspace_id = %(workspace)s AND {_ACTS} AND {MEMBERSHIP_IS_VALID}
 ORDER BY {_KEY}, p.id, m.source
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A role that somebody holds, why (``policy``, ``manual``, ``idp``), and since when."""

    name: str
    title: str
    source: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """An invitation that nobody accepted; ``mailed`` and ``reason`` as of an `AccountLink`."""

    since: datetime
    until: datetime
    over: bool
    mailed: str
    reason: str


@dataclass(slots=True)
class Entry:
    """A person.  ``acts``: they and their user are active.  ``came``: they have a way to sign in.

    ``elsewhere``: they are, or were, in another workspace of the server.  ``proven``: a link that went to
    their address by mail alone was used.
    """

    id: UUID
    user: UUID
    name: str
    email: str
    acts: bool
    came: bool
    created_at: datetime
    deactivated_at: datetime | None
    erased_at: datetime | None
    last_sign_in: datetime | None
    elsewhere: bool
    proven: bool
    roles: list[Held] = field(default_factory=list)
    permissions: set[str] = field(default_factory=set)
    invitation: Waiting | None = None
    away: Away | None = None


@dataclass(slots=True)
class RoleEntry:
    """A role, who is in it and may act, with whether they came, why they are in it, and since when."""

    id: UUID
    name: str
    title: str
    schedule: str | None
    members: list[tuple[UUID, str, bool, str, datetime]] = field(default_factory=list)


def listed(
    *,
    workspace: UUID,
    which: Which = "active",
    search: str = "",
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> Page[Entry]:
    """People by name.

    Args:
        search: part of a name or an address, in any case.

    Raises:
        Problem: 422 for a limit out of range, a search too long, or a foreign cursor.
    """
    paging.check_limit(limit)
    if len(search) > MAX_SEARCH:
        raise bad_query("q", f"At most {MAX_SEARCH} characters.")
    place = paging.decode(cursor, ORDER, 2) if cursor is not None else None
    backwards = place is not None and place.backwards
    values: dict[str, Any] = {
        "workspace": workspace,
        "search": search.strip().replace("\0", ""),
        "address": normal_email(search.replace("\0", "")),
        "limit": limit + 1,
    }
    where = f"AND {_NARROWED[which]}"
    if values["search"]:
        where += f""" AND (position(lower(%(search)s) IN {_KEY}) > 0
                            OR position(%(address)s IN u.email) > 0)"""
    if place is not None:
        values |= {"name": paging.text_of(place.key[0]), "after": paging.uuid_of(place.key[1])}
        where += f" AND ({_KEY}, p.id) {'<' if backwards else '>'} (%(name)s, %(after)s)"
    way = "DESC" if backwards else "ASC"
    with pool().connection() as conn:
        rows = conn.execute(
            f"{_COLUMNS} {where} ORDER BY {_KEY} {way}, p.id {way} LIMIT %(limit)s", values
        ).fetchall()
        found = [(row[-1], Entry(*row[:-1])) for row in rows]
        _fill(conn, workspace, [one for _, one in found])
    return paging.page([([key, str(one.id)], one) for key, one in found], limit, ORDER, place)


def counts(workspace: UUID) -> dict[Which, int]:
    """How many people each list holds."""
    columns = ", ".join(f"count(*) FILTER (WHERE {_NARROWED[which]})" for which in WHICH)
    statement = f"""
        SELECT {columns} FROM people_person p JOIN people_user u ON u.id = p.user_id
         WHERE p.workspace_id = %(workspace)s
    """
    with pool().connection() as conn:
        row = conn.execute(statement, {"workspace": workspace}).fetchone()
    assert row is not None  # noqa: S101  # an aggregate always answers
    return dict(zip(WHICH, row, strict=True))


def one(*, workspace: UUID, person: UUID) -> Entry | None:
    """One person of the workspace, whether they may act or not."""
    values = {"workspace": workspace, "person": person}
    with pool().connection() as conn:
        row = conn.execute(f"{_COLUMNS} AND p.id = %(person)s", values).fetchone()
        if row is None:
            return None
        found = Entry(*row[:-1])
        _fill(conn, workspace, [found])
    return found


def roles(workspace: UUID) -> list[RoleEntry]:
    """The workspace's roles by name, each with who is in it and may act."""
    with pool().connection() as conn:
        found = {row[0]: RoleEntry(*row) for row in conn.execute(_ROLES, {"workspace": workspace})}
        for role, *member in conn.execute(_MEMBERS, {"workspace": workspace}):
            if role in found:
                found[role].members.append(tuple(member))
    return list(found.values())


def _fill(conn: Connection[Any], workspace: UUID, found: list[Entry]) -> None:
    """What each of them holds, and whether they are away."""
    people = {one.id: one for one in found}
    users = {one.user: one for one in found}
    values = {"workspace": workspace, "people": list(people), "users": list(users)}
    for person, *held in conn.execute(_MEMBERSHIPS, values):
        people[person].roles.append(Held(*held))
    for user, permission in conn.execute(_PERMISSIONS, values):
        users[user].permissions.add(permission)
    for person, *waiting in conn.execute(_INVITATIONS, values):
        entry = people[person]
        if entry.acts and not entry.came:
            entry.invitation = Waiting(*waiting)
    away = away_now(conn, workspace)
    for entry in found:
        entry.away = away.get(entry.id)
