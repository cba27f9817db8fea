"""Access review: who could decide what, and read or change what, on a given day."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from audit.log import rfc3339
from core import ids
from core.canonical import show_digest
from core.db import pool
from people.access_review import Standing, people_at, roles_at
from policies.models import PolicyVersion

#: From what it is told, for whoever relies on it.
DERIVED: Final = (
    "Roles: from memberships, which say from when until when they held. Activity and permissions: from the events "
    "of the log up to that instant. Names, addresses, titles of roles and whether a user may sign in are as they "
    "are now; permissions given to groups in the database past Assentry are not in it."
)
_HEAD: Final = ("person", "name", "email", "active", "kind", "held", "source", "since")


def review(*, workspace: UUID, at: datetime) -> dict[str, Any]:
    """Everybody's roles and permissions at an instant, each role with those who could decide, and the policy.

    Deciding also asks that one is neither the agent's owner nor the initiator of its run, and that a stage
    of the request's own plan asks the role: see the request.
    """
    with pool().connection() as conn, conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        people = people_at(conn, workspace, at)
        roles = roles_at(conn, workspace, at)
    return {
        "at": rfc3339(at),
        "policy": _policy(workspace, at),
        "people": [_person(one) for one in people],
        "roles": [
            {
                "name": name,
                "title": title,
                "people": [
                    ids.encode("per", one.id)
                    for one in people
                    if one.active and any(held.name == name for held in one.roles)
                ],
            }
            for name, title in roles
        ],
        "derived": DERIVED,
    }


def as_csv(found: dict[str, Any]) -> str:
    """The same as CSV (RFC 4180), one line for each role or permission somebody held; formula-safe."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(_HEAD)
    for one in found["people"]:
        person = [one["id"], one["name"], one["email"], "yes" if one["active"] else "no"]
        lines = [["role", held["name"], held["source"], held["since"]] for held in one["roles"]]
        lines += [["permission", name, "", ""] for name in one["permissions"]]
        for line in lines or [["", "", "", ""]]:
            writer.writerow([_harmless(cell) for cell in [*person, *line]])
    return file.getvalue()


def _policy(workspace: UUID, at: datetime) -> dict[str, Any] | None:
    versions = PolicyVersion.objects.filter(workspace_id=workspace, created_at__lte=at)
    newest = versions.order_by("-number").first()
    if newest is None:
        return None
    return {
        "id": ids.encode("pol", newest.id),
        "number": newest.number,
        "digest": show_digest(bytes(newest.digest)),
    }


def _person(one: Standing) -> dict[str, Any]:
    return {
        "id": ids.encode("per", one.id),
        "name": one.name,
        "email": one.email,
        "active": one.active,
        "signs_in_now": one.signs_in,
        "permissions": sorted(one.permissions),
        "roles": [{**asdict(held), "since": rfc3339(held.since)} for held in one.roles],
    }


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet reads as text, whatever it begins with."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\0")) else cell
