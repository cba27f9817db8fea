"""Legal holds: what one covers is neither erased nor does it age, until an administrator lifts it.

A hold covers the whole workspace, one request, or one person with every request they took part in.
That nothing is erased under one is the database's (oversight 0004); here they are set and lifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from psycopg import Connection, errors

from approvals.erasing import Held
from approvals.erasing import standing as standing_of
from audit.actor import Actor
from audit.kinds import HoldLifted, HoldSet
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows, rfc3339
from core import erasing, ids
from core.db import pool
from core.problems import FieldError, conflict, invalid, not_found
from people.models import Person

Scope = Literal["workspace", "request", "person"]
MAX_REASON: Final = 1_000
PREFIX: Final[dict[str, str]] = {"workspace": "wsp", "request": "req", "person": "per"}

_COLUMNS: Final = "id, scope, target_id, reason, set_at, set_by_id, lifted_at, lifted_by_id"
_INSERT: Final = f"""
WITH set AS (
    INSERT INTO oversight_hold (id, workspace_id, scope, target_id, reason, set_at, set_by_id)
    VALUES (%(id)s, %(workspace)s, %(scope)s, %(target)s, %(reason)s, %(at)s, %(person)s)
),
{INSERT_EVENTS}
SELECT 1
"""
_ONE: Final = f"""
SELECT {_COLUMNS} FROM oversight_hold WHERE id = %(id)s AND workspace_id = %(workspace)s
"""
_NEWEST: Final = f"""
SELECT {_COLUMNS} FROM oversight_hold WHERE workspace_id = %(workspace)s ORDER BY id DESC LIMIT %(most)s
"""
_STANDING: Final = """
SELECT scope, target_id FROM oversight_hold WHERE workspace_id = %(workspace)s AND lifted_at IS NULL
"""
_LIFT: Final = "SELECT oversight_lift_hold(%(event)s, %(workspace)s, %(id)s, %(person)s)"


class HoldShown(msgspec.Struct, frozen=True):
    """A legal hold; ``lifted_at`` is null while it stands."""

    id: str
    scope: str
    target: str
    reason: str
    set_at: str
    set_by: str | None
    lifted_at: str | None
    lifted_by: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The holds that stand in a workspace."""

    whole: bool
    held: Held


def check_reason(reason: str) -> None:
    """Raise 422 for a reason that is missing or too long."""
    if not reason.strip():
        raise invalid([FieldError("/reason", "missing", "Say why; name nobody in it: it stays.")])
    if len(reason) > MAX_REASON:
        raise invalid([FieldError("/reason", "too_long", f"At most {MAX_REASON} characters.")])


def covered(
    workspace: UUID, *, request: UUID | None = None, person: UUID | None = None
) -> tuple[Scope, UUID]:
    """What a hold on this request or this person, or else on the workspace, is called."""
    if request is not None:
        return "request", request
    return ("workspace", workspace) if person is None else ("person", person)


def put(
    *,
    actor: Actor,
    workspace: UUID,
    scope: Scope,
    target: UUID,
    reason: str,
    person: UUID | None = None,
) -> HoldShown:
    """Set a hold; erasures that have begun are waited for, later ones find it.

    Args:
        target: the workspace itself, a request, or a person of it.
        person: who sets it; none for an operator.

    Raises:
        Problem: 404 no such request or person; 409 ``already_held``; 422 for the reason.
    """
    check_reason(reason)
    hold = ids.uuid7()
    values: dict[str, Any] = {
        "id": hold,
        "workspace": workspace,
        "scope": scope,
        "target": target,
        "reason": reason.strip(),
        "person": person,
    }
    fact = Fact(
        workspace,
        actor,
        ("hld", hold),
        HoldSet(scope=scope, target=ids.encode(PREFIX[scope], target)),
        {"reason": Commitment(reason.strip().encode())},
    )
    with pool().connection() as conn:
        try:
            with conn.transaction():
                _must_be_there(conn, values)
                conn.execute(erasing.ALONE, values)
                at = clock(conn)
                conn.execute(_INSERT, values | {"at": at} | event_rows([fact], at))
        except errors.UniqueViolation as error:
            raise conflict("already_held", "A hold on it stands already.") from error
        return _shown(conn.execute(_ONE, values).fetchone())


def lift(
    *, actor: Actor, workspace: UUID, hold: UUID, reason: str, person: UUID | None = None
) -> HoldShown:
    """Lift a hold.

    Raises:
        Problem: 404; 409 ``hold_lifted``; 422 for the reason.
    """
    check_reason(reason)
    values: dict[str, Any] = {"id": hold, "workspace": workspace, "person": person}
    data = HoldLifted(subjects=[ids.encode("hld", hold)])
    commits = {"reason": Commitment(reason.strip().encode())}
    with pool().connection() as conn:
        with conn.transaction():
            conn.execute(erasing.ALONE, values)
            if _shown(conn.execute(_ONE, values).fetchone()).lifted_at is not None:
                raise conflict("hold_lifted", "It was lifted before.")
            at = clock(conn)
            rows = event_rows([Fact(workspace, actor, ("hld", hold), data, commits)], at)
            conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", rows)
            conn.execute(_LIFT, values | {"event": rows["ev_id"][0]})
        return _shown(conn.execute(_ONE, values).fetchone())


def newest(*, workspace: UUID, most: int = 200) -> list[HoldShown]:
    """The holds of a workspace, the newest first, lifted ones among them."""
    with pool().connection() as conn:
        found = conn.execute(_NEWEST, {"workspace": workspace, "most": most}).fetchall()
    return [_shown(row) for row in found]


def standing(conn: Connection[Any], workspace: UUID) -> Standing:
    """The holds that stand now."""
    found = conn.execute(_STANDING, {"workspace": workspace}).fetchall()
    by: dict[str, list[UUID]] = {scope: [] for scope in PREFIX}
    for scope, target in found:
        by[scope].append(target)
    return Standing(bool(by["workspace"]), Held(by["request"], by["person"]))


def clock(conn: Connection[Any]) -> Any:
    """The database's clock."""
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101  # a SELECT without FROM always answers
    return row[0]


def _must_be_there(conn: Connection[Any], values: dict[str, Any]) -> None:
    match values["scope"]:
        case "workspace":
            there = values["target"] == values["workspace"]
        case "request":
            there = bool(standing_of(conn, values["workspace"], [values["target"]]))
        case _:
            there = Person.objects.filter(
                id=values["target"], workspace_id=values["workspace"]
            ).exists()
    if not there:
        raise not_found()


def _shown(row: Sequence[Any] | None) -> HoldShown:
    if row is None:
        raise not_found()
    return HoldShown(
        id=ids.encode("hld", row[0]),
        scope=row[1],
        target=ids.encode(PREFIX[row[1]], row[2]),
        reason=row[3],
        set_at=rfc3339(row[4]),
        set_by=ids.encode("per", row[5]) if row[5] else None,
        lifted_at=rfc3339(row[6]) if row[6] else None,
        lifted_by=ids.encode("per", row[7]) if row[7] else None,
    )
