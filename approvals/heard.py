"""What people said about one request: stages, decisions, words, and the clock that ran meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from approvals.dossier import Asked, at
from audit.dossier import Kept
from audit.log import rfc3339
from core import durations, ids
from core.canonical import show_digest
from people.sql import NAME_OF

_STAGES: Final = """
SELECT revision, index, confirm, approvals, rejections, distinct_from_earlier, opened_at, closed_at
  FROM approvals_stage WHERE workspace_id = %(workspace)s AND request_id = %(request)s
 ORDER BY revision, index
"""
_DECISIONS: Final = f"""
SELECT d.id, d.revision, d.stage, d.person_id, {NAME_OF.format(person="d.person_id")} AS person,
       d.on_behalf_of_id, {NAME_OF.format(person="d.on_behalf_of_id")} AS on_behalf_of,
       d.verdict, d.comment, d.answer, d.channel, d.assurance, d.shown_digest, d.dwell_ms, d.at, d.void_at, d.void_reason
  FROM approvals_decision d WHERE d.request_id = %(request)s AND d.workspace_id = %(workspace)s
 ORDER BY d.at, d.id
"""
_MESSAGES: Final = f"""
SELECT m.id, m.kind, m.revision, m.person_id, {NAME_OF.format(person="m.person_id")} AS person, m.text,
       m.evidence, m.at
  FROM approvals_message m WHERE m.request_id = %(request)s AND m.workspace_id = %(workspace)s
 ORDER BY m.at, m.id
"""
_GLASS: Final = f"""
SELECT g.revision, g.person_id, {NAME_OF.format(person="g.person_id")} AS person, g.reason, g.at
  FROM approvals_breakglass g WHERE g.request_id = %(request)s AND g.workspace_id = %(workspace)s
 ORDER BY g.at
"""
_REVIEW: Final = f"""
SELECT g.person_id, {NAME_OF.format(person="g.person_id")} AS person, g.comment, g.at
  FROM approvals_breakglassreview g
 WHERE g.request_id = %(request)s AND g.workspace_id = %(workspace)s
"""
#: What began a revision, in the log.
_BEGAN: Final = ("request.submitted", "question.asked", "request.revised")
_ENDED: Final = (
    "request.approved",
    "request.rejected",
    "request.answered",
    "request.expired",
    "request.cancelled",
)


def stages(conn: Connection[Any], asked: Asked, events: Sequence[Kept]) -> list[dict[str, Any]]:
    """Every stage that was opened, with each time it was opened and why."""
    plans = {one.number: one.plan for one in asked.versions}
    found = []
    for row in _rows(conn, _STAGES, asked):
        stage = plans[row["revision"]].stage(row["index"])
        again = [
            {"at": rfc3339(one.at), "reason": one.data["reason"]}
            for one in events
            if one.kind == "request.stage_opened"
            and (one.data["revision"], one.data["stage"]) == (row["revision"], row["index"])
        ]
        first = [] if row["index"] and again else [_first(row["opened_at"])]
        found.append(
            {
                "revision": row["revision"],
                "stage": row["index"],
                "roles": [{"name": one.name, "title": one.title} for one in stage.roles],
                "confirm": row["confirm"],
                "approvals": row["approvals"],
                "rejections": row["rejections"],
                "distinct_from_earlier": row["distinct_from_earlier"],
                "opened": [*first, *again],
                "closed_at": at(row["closed_at"]),
            }
        )
    return found


def decisions(
    conn: Connection[Any], asked: Asked, events: Sequence[Kept], stages: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Every decision, void ones too.  Roles and the digest shown are those that its event commits to."""
    held = {
        one.data["decision"]: one.beside.get("decision")
        for one in events
        if one.kind == "decision.recorded"
    }
    opened = {(one["revision"], one["stage"]): one["opened"] for one in stages}
    found = []
    for row in _rows(conn, _DECISIONS, asked):
        shown = ids.encode("dec", row["id"])
        side = held.get(shown)
        then = msgspec.json.decode(side.content) if side and side.content else {}
        found.append(
            {
                "id": shown,
                "revision": row["revision"],
                "stage": row["stage"],
                "person": _person(row),
                "on_behalf_of": None
                if row["on_behalf_of_id"] is None
                else {
                    "id": ids.encode("per", row["on_behalf_of_id"]),
                    "name": row["on_behalf_of"] or "",
                },
                "roles": then.get("roles"),
                "verdict": row["verdict"],
                "comment": row["comment"],
                "answer": None if row["answer"] is None else msgspec.Raw(row["answer"]),
                "shown": then.get("payload_digest"),
                "shown_digest": row["shown_digest"] and show_digest(row["shown_digest"]),
                "dwell_ms": row["dwell_ms"],
                "channel": row["channel"],
                "assurance": row["assurance"],
                "at": rfc3339(row["at"]),
                "seconds_to_decide": _took(
                    row["at"], opened.get((row["revision"], row["stage"]), ())
                ),
                "void": None
                if row["void_at"] is None
                else {"at": rfc3339(row["void_at"]), "reason": row["void_reason"]},
            }
        )
    return found


def refused(events: Sequence[Kept]) -> list[dict[str, Any]]:
    """Every try to decide that was refused."""
    return [
        {
            "at": rfc3339(one.at),
            "person": one.said["actor"]["id"],
            "verdict": one.data["verdict"],
            "code": one.data["code"],
        }
        for one in events
        if one.kind == "decision.refused"
    ]


def messages(conn: Connection[Any], asked: Asked) -> list[dict[str, Any]]:
    """Every word to the agent (``return``), from it (``message``), and among people (``comment``)."""
    agent = {"id": ids.encode("agt", asked.row.agent_id), "name": asked.row.agent_name}
    return [
        {
            "id": ids.encode("msg", row["id"]),
            "kind": row["kind"],
            "revision": row["revision"],
            "author": agent if row["person_id"] is None else _person(row),
            "text": row["text"],
            "evidence": msgspec.Raw(row["evidence"]),
            "at": rfc3339(row["at"]),
        }
        for row in _rows(conn, _MESSAGES, asked)
    ]


def break_glass(conn: Connection[Any], asked: Asked) -> dict[str, Any] | None:
    """Who approved past the plan, why, and who looked at it afterwards; none where nobody did."""
    yes = [
        {
            "revision": row["revision"],
            "person": _person(row),
            "reason": row["reason"],
            "at": rfc3339(row["at"]),
        }
        for row in _rows(conn, _GLASS, asked)
    ]
    review = [
        {"person": _person(row), "comment": row["comment"], "at": rfc3339(row["at"])}
        for row in _rows(conn, _REVIEW, asked)
    ]
    return {"confirmations": yes, "review": review[0] if review else None} if yes else None


def clock(asked: Asked, events: Sequence[Kept]) -> list[dict[str, Any]]:
    """Every deadline: when it was set, when it was due, when the clock acted on it, and what became of it."""
    plans = {one.number: one.plan for one in asked.versions}
    found: list[dict[str, Any]] = []
    for one in events:
        became = _became(one)
        if became and found and found[-1]["became"] is None:
            fired = (
                one.at if became in ("expired", "approved_by_silence", "asked_one_more") else None
            )
            found[-1] |= {"fired_at": at(fired), "became": became}
        if one.kind in (*_BEGAN, "request.extended"):
            found.append(_deadline(one, one.data["expires_at"]))
        elif became == "asked_one_more":
            life = durations.scaled(timedelta(seconds=plans[one.data["revision"]].expires_in_s))
            found.append(_deadline(one, rfc3339(one.at + life)))
    return found


def _deadline(event: Kept, due: str) -> dict[str, Any]:
    return {
        "set_at": rfc3339(event.at),
        "set_by": event.kind,
        "due_at": due,
        "fired_at": None,
        "became": None,
    }


def _became(event: Kept) -> str | None:
    if event.kind == "request.revised":
        return "replaced"
    if event.kind == "request.extended":
        return "extended"
    if event.kind == "request.stage_opened":
        return "asked_one_more" if event.data["reason"] == "deadline" else None
    if event.kind not in _ENDED:
        return None
    if event.kind == "request.expired":
        return "expired"
    return "approved_by_silence" if event.data["basis"] == "clock" else "ended_before"


def _rows(conn: Connection[Any], query: str, asked: Asked) -> list[dict[str, Any]]:
    values: Mapping[str, UUID] = {"request": asked.row.id, "workspace": asked.row.workspace_id}
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def _first(opened: datetime) -> dict[str, Any]:
    return {"at": rfc3339(opened), "reason": "asked"}


def _took(decided: datetime, opened: Sequence[dict[str, Any]]) -> float | None:
    """Seconds since the stage was last opened."""
    before = [each for one in opened if (each := datetime.fromisoformat(one["at"])) <= decided]
    return round((decided - max(before)).total_seconds(), 3) if before else None


def _person(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": ids.encode("per", row["person_id"]), "name": row["person"] or ""}
