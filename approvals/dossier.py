"""One request as an examiner wants it: what was asked, in every version, and what became of it.

Every field that any version's policy calls sensitive is covered in all of them.  What people said of it
stands in `approvals.heard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Raw
from psycopg import Connection
from psycopg.rows import dict_row

from agents.sql import KEY_NAME
from approvals import read, shape
from approvals.facts import submission_bytes
from approvals.frozen import FrozenPlan, decode
from approvals.present import changes_of, masked
from approvals.row import Row
from approvals.sentences import message
from audit.log import rfc3339
from core import ids
from core.canonical import show_digest
from core.problems import not_found
from people.sql import NAME_OF
from policies import pointers

_MORE: Final = """
SELECT key_id, callback_url, use_by, permit_state, result_missing
  FROM approvals_request WHERE id = %(request)s
"""
_REVISIONS: Final = f"""
SELECT v.number, v.payload, v.digest, v.plan, coalesce(v.stated, r.stated) AS stated,
       v.stated IS NULL AND v.number > 1 AS as_before, v.policy_version_id, v.author_id, v.created_at,
       {NAME_OF.format(person="v.author_id")} AS author
  FROM approvals_revision v JOIN approvals_request r ON r.id = v.request_id
 WHERE v.workspace_id = %(workspace)s AND v.request_id = %(request)s ORDER BY v.number
"""
_PERMITS: Final = f"""
SELECT p.id, p.revision, p.digest, p.key_id, p.issued_at, p.expires_at, p.consumed_at, p.consumed_by_id,
       {KEY_NAME.format(key="p.consumed_by_id")} AS tool, p.revoked_at
  FROM approvals_permit p WHERE p.request_id = %(request)s AND p.workspace_id = %(workspace)s
 ORDER BY p.issued_at
"""
_RESULT: Final = """
SELECT status, detail, cost, key_id, reported_at FROM approvals_result
 WHERE request_id = %(request)s AND workspace_id = %(workspace)s
"""
_decode_stated: Final = msgspec.json.Decoder(shape.Stated).decode


@dataclass(frozen=True, slots=True)
class Version:
    """One revision: as it is shown, and what its event commits to."""

    number: int
    plan: FrozenPlan
    policy_version: UUID
    shown: dict[str, Any]
    #: The bytes that its event commits to, and whether they may be shown: not where a field is covered.
    submission: bytes
    open: bool
    erased: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and all that belongs to it alone."""

    row: Row
    key_id: UUID
    shown: dict[str, Any]
    versions: Sequence[Version]
    permits: list[dict[str, Any]]
    result: dict[str, Any] | None
    use_by: datetime | None


def asked(conn: Connection[Any], workspace: UUID, request_id: UUID) -> Asked:
    """The request, as the caller's transaction sees it, for whoever was found to be allowed to.

    Raises:
        Problem: 404 where the workspace has no such request.
    """
    values = {"workspace": workspace, "request": request_id}
    where = "WHERE r.id = %(request)s AND r.workspace_id = %(workspace)s"
    rows = read.fetch(conn, where, values)
    if not rows:
        raise not_found()
    with conn.cursor(row_factory=dict_row) as cursor:
        more = cursor.execute(_MORE, values).fetchone()
        revisions = cursor.execute(_REVISIONS, values).fetchall()
        permits = cursor.execute(_PERMITS, values).fetchall()
        result = cursor.execute(_RESULT, values).fetchone()
    assert more is not None  # noqa: S101  # it was read in the same snapshot
    (row,) = rows
    return Asked(
        row=row,
        key_id=more["key_id"],
        shown=_request(row, more),
        versions=_versions(row, revisions),
        permits=[_permit(one) for one in permits],
        result=None if result is None else _result(result),
        use_by=more["use_by"],
    )


def _request(row: Row, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": ids.encode("req", row.id),
        "kind": row.kind,
        "workspace": {"id": ids.encode("wsp", row.workspace_id), "slug": row.workspace},
        "action": row.action,
        "title": row.title,
        "risk": row.risk,
        "status": row.status,
        "basis": row.basis,
        "said": message(row, decode(row.plan)),
        "revision": row.revision,
        "initiator": _person(row.initiator_id, row.initiator_name),
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
        "ended_at": at(row.ended_at),
        "callback_url": more["callback_url"],
        "permit_state": more["permit_state"],
        "result_missing": more["result_missing"],
        "erased": not row.digest,
    }


def _versions(row: Row, revisions: Sequence[dict[str, Any]]) -> list[Version]:
    plans = [decode(one["plan"]) for one in revisions]
    sensitive = tuple(dict.fromkeys(place for plan in plans for place in plan.sensitive))
    payloads: list[bytes | None] = [None, *(before["payload"] for before, _ in pairwise(revisions))]
    return [
        _version(row, one, plan, before, sensitive)
        for one, plan, before in zip(revisions, plans, payloads, strict=True)
    ]


def _version(
    row: Row,
    one: dict[str, Any],
    plan: FrozenPlan,
    before: bytes | None,
    sensitive: tuple[str, ...],
) -> Version:
    payload, erased = one["payload"], not one["digest"]
    covered = [] if erased else [place for place in sensitive if _leads(payload, place)]
    author = _person(one["author_id"], one["author"])
    shown = {
        "number": one["number"],
        "created_at": rfc3339(one["created_at"]),
        "author": author or {"id": ids.encode("agt", row.agent_id), "name": row.agent_name},
        "erased": erased,
        "payload": masked(payload, tuple(covered)),
        "payload_digest": None if erased else show_digest(one["digest"]),
        "covered": covered,
        "changes": [] if erased else _changes(before, payload, sensitive),
        "stated": _stated(one["stated"]),
        "policy_version": ids.encode("pol", one["policy_version_id"]),
        "plan": _plan(plan, sensitive),
    }
    stated = b"null" if one["as_before"] else one["stated"]
    return Version(
        number=one["number"],
        plan=plan,
        policy_version=one["policy_version_id"],
        shown=shown,
        submission=submission_bytes(payload, one["plan"], stated),
        open=not covered,
        erased=erased,
    )


def _leads(payload: bytes, pointer: str) -> bool:
    try:
        pointers.follow(msgspec.json.decode(payload), pointers.parse(pointer))
    except pointers.AbsentError:
        return False
    return True


def _changes(
    before: bytes | None, payload: bytes, sensitive: tuple[str, ...]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.to_builtins(changes_of(before, payload, sensitive))
    return found


def _stated(stored: bytes) -> dict[str, Any]:
    said = _decode_stated(stored)
    return {
        "summary": said.summary,
        "context": Raw(said.context),
        "evidence": Raw(said.evidence),
        "metadata": Raw(said.metadata),
    }


def _plan(plan: FrozenPlan, sensitive: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(plan)
    for fact in found["facts"]:
        # What was no secret when it was planned may be one in a later version.
        if any(_overlap(fact["pointer"], place) for place in sensitive):
            fact["value"] = pointers.HIDDEN
    for stage in [*found["stages"], *filter(None, [found["after_deadline"]])]:
        stage["roles"] = [{"name": one["name"], "title": one["title"]} for one in stage["roles"]]
    return found


def _overlap(one: str, other: str) -> bool:
    """Whether one pointer leads to the other's value, or into it."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _permit(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": ids.encode("pmt", row["id"]),
        "revision": row["revision"],
        "payload_digest": show_digest(row["digest"]) if row["digest"] else None,
        "issued_at": rfc3339(row["issued_at"]),
        "issued_to": ids.encode("key", row["key_id"]),
        "expires_at": rfc3339(row["expires_at"]),
        "consumed_at": at(row["consumed_at"]),
        "consumed_by": None
        if row["consumed_by_id"] is None
        else {"id": ids.encode("key", row["consumed_by_id"]), "name": row["tool"]},
        "revoked_at": at(row["revoked_at"]),
    }


def _result(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": row["status"],
        "detail": row["detail"],
        "cost": None if row["cost"] is None else str(row["cost"]),
        "reported_by": ids.encode("key", row["key_id"]),
        "reported_at": rfc3339(row["reported_at"]),
    }


def _person(person: UUID | None, name: str | None) -> dict[str, Any] | None:
    return None if person is None else {"id": ids.encode("per", person), "name": name or ""}


def at(moment: datetime | None) -> str | None:
    """An instant as RFC 3339, none as none."""
    return None if moment is None else rfc3339(moment)
