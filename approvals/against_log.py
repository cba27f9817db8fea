"""Requests as the database has them, held against what the log tells of them.

Each request's events are played through: how it ended, its revisions, decisions and permit must be
those of its rows, and what was submitted must be what the events commit to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn
from uuid import UUID

import msgspec
from psycopg import Connection

from approvals.facts import submission_commits
from approvals.status import Kind, PermitState, Status
from audit import history
from audit.history import Told
from audit.live import Wrong
from audit.log import commitment
from core import ids
from core.canonical import canonical, digest, show_digest

_ASKED: Final = ("request.submitted", "question.asked")
_ENDS: Final = {f"request.{status.value}": status.value for status in Status} | {
    "request.answered": Status.ANSWERED.value
}
_PERMIT: Final = {
    "permit.issued": PermitState.ISSUED.value,
    "permit.consumed": PermitState.CONSUMED.value,
    "permit.lapsed": PermitState.LAPSED.value,
    "request.revoked": PermitState.REVOKED.value,
}

_REQUESTS: Final = """
SELECT id, kind, status, basis, revision, risk, action, permit_state, stated
  FROM approvals_request WHERE id = ANY(%(ids)s) AND workspace_id = %(workspace)s
"""
_REVISIONS: Final = """
SELECT request_id, number, payload, digest, plan, stated FROM approvals_revision
 WHERE request_id = ANY(%(ids)s) AND workspace_id = %(workspace)s ORDER BY number
"""
_DECISIONS: Final = """
SELECT request_id, id, revision, stage, verdict, assurance, person_id, void_at IS NOT NULL, comment, answer,
       shown_digest, on_behalf_of_id, dwell_ms
  FROM approvals_decision WHERE request_id = ANY(%(ids)s) AND workspace_id = %(workspace)s
"""
_PAGE: Final = """
SELECT id FROM approvals_request WHERE workspace_id = %(workspace)s AND id > %(after)s
 ORDER BY id LIMIT %(limit)s
"""


@dataclass(slots=True)
class _Rows:
    """One request's rows."""

    request: Sequence[Any]
    revisions: dict[int, Sequence[Any]] = field(default_factory=dict)
    decisions: dict[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(slots=True)
class _Play:
    """A request as its events tell it."""

    id: UUID
    position: int | None = None
    kind: str = Kind.REQUEST.value
    action: str | None = None
    risk: str | None = None
    status: str = Status.PENDING.value
    basis: str | None = None
    revision: int = 0
    permit: str | None = None
    decisions: dict[str, list[Any]] = field(default_factory=dict)

    def wrong(self, why: str, told: Told | None = None) -> NoReturn:
        """Raise `Wrong` at the event that tells otherwise."""
        position = self.position if told is None else told.position
        raise Wrong(why, position=position, about=ids.encode("req", self.id))


def check(conn: Connection[Any], workspace: UUID) -> int:
    """Hold every request of a workspace against the log; return how many there are.

    Args:
        conn: with REPEATABLE READ, so that rows and events of a page are of one instant.

    Raises:
        Wrong: the first one, in the order of the log, that differs.
    """
    pages = history.subjects_of(conn, workspace, _ASKED)
    for page in pages:
        with conn.transaction():
            asked = [subject for _, subject in page]
            rows = _read(conn, workspace, asked)
            told = history.about(conn, workspace, asked)
        for position, request in page:
            play = _Play(request, position)
            if request not in rows:
                play.wrong("The log tells of this request, and it is gone.")
            _hold(play, told[request], rows[request])
    return _untold(conn, workspace)


def _untold(conn: Connection[Any], workspace: UUID) -> int:
    """Look for requests that the log does not tell of; how many requests there are."""
    after, count = UUID(int=0), 0
    while True:
        values = {"workspace": workspace, "after": after, "limit": history.PAGE}
        with conn.transaction():
            page = [row[0] for row in conn.execute(_PAGE, values)]
            told = history.about(conn, workspace, page) if page else {}
        for request in page:
            if not any(each.kind in _ASKED for each in told[request]):
                raise Wrong(
                    "The log does not tell of this request.", about=ids.encode("req", request)
                )
        count += len(page)
        if len(page) < history.PAGE:
            return count
        after = page[-1]


def _read(conn: Connection[Any], workspace: UUID, asked: Sequence[UUID]) -> dict[UUID, _Rows]:
    values = {"ids": list(asked), "workspace": workspace}
    found = {row[0]: _Rows(row) for row in conn.execute(_REQUESTS, values)}
    for row in conn.execute(_REVISIONS, values):
        if row[0] in found:
            found[row[0]].revisions[row[1]] = row
    for row in conn.execute(_DECISIONS, values):
        if row[0] in found:
            found[row[0]].decisions[ids.encode("dec", row[1])] = row
    return found


def _hold(play: _Play, events: Sequence[Told], rows: _Rows) -> None:
    for told in events:
        _tell(play, told)
        if "submission" in told.commitments:
            _hold_submission(play, told, rows)
        if told.kind == "decision.recorded":
            _hold_decision(play, told, rows)
    _, kind, status, basis, revision, risk, action, permit, _ = rows.request
    columns = {
        "kind": (play.kind, kind),
        "status": (play.status, status),
        "basis": (play.basis, basis),
        "revision": (play.revision, revision),
        "risk": (play.risk, risk if play.risk is not None else None),
        "action": (play.action, action if play.action is not None else None),
        "permit_state": (play.permit, permit),
    }
    for name, (expected, column) in columns.items():
        if expected != column:
            play.wrong(f"Its {name} is {column!r}, and the log says {expected!r}.")
    for name, row in rows.decisions.items():
        if name not in play.decisions:
            play.wrong(f"The log does not tell of the decision {name}.")
        if row[7] != play.decisions[name][-1]:
            play.wrong(f"Whether the decision {name} counts is not what the log says.")
    unknown = sorted(number for number in rows.revisions if number > play.revision)
    if unknown:
        play.wrong(f"The log does not tell of its revision {unknown[0]}.")


def _tell(play: _Play, told: Told) -> None:
    """Play one event."""
    data = told.data
    match told.kind:
        case "request.submitted":
            play.revision, play.action, play.risk = data["revision"], data["action"], data["risk"]
        case "question.asked":
            play.revision, play.kind = 1, Kind.QUESTION.value
        case "request.revised":
            play.revision = data["revision"]
            play.risk = data["risk"] if play.risk is not None else None
        case "decision.recorded":
            play.decisions[data["decision"]] = [data, told.actor, False]
        case "decision.voided":
            if data["decision"] in play.decisions:
                play.decisions[data["decision"]][-1] = True
        case kind if kind in _ENDS:
            play.status, play.basis, play.position = _ENDS[kind], data["basis"], told.position
            if play.status == Status.APPROVED and play.kind == Kind.REQUEST:
                play.permit = PermitState.OPEN.value
        case kind if kind in _PERMIT:
            play.permit, play.position = _PERMIT[kind], told.position
        case _:
            pass  # it changes none of these rows


def _hold_submission(play: _Play, told: Told, rows: _Rows) -> None:
    """What was asked, as the revision's row has it, is what the event commits to."""
    row = rows.revisions.get(play.revision)
    if row is None:
        play.wrong(f"Its revision {play.revision} is gone.", told)
    if "submission" not in told.beside:
        return  # erased, with its salt: whether the log says so, `audit.live` looks
    payload, plan = bytes(row[2]), bytes(row[4])
    if digest(payload) != bytes(row[3]):
        play.wrong(f"The payload of revision {play.revision} is not that of its digest.", told)
    stated = b"null" if row[5] is None else bytes(row[5])
    if play.revision == 1:
        stated = bytes(rows.request[8])
    content = submission_commits(payload, plan, stated)["submission"].content
    if commitment(told.beside["submission"][0], content) != told.commitments["submission"]:
        why = f"Payload, plan or statement of revision {play.revision} is not what was submitted."
        play.wrong(why, told)


def _hold_decision(play: _Play, told: Told, rows: _Rows) -> None:
    name = told.data["decision"]
    row = rows.decisions.get(name)
    if row is None:
        play.wrong(f"The decision {name} is gone.", told)
    found = {
        "revision": row[2],
        "stage": row[3],
        "verdict": row[4],
        "assurance": row[5],
        "decision": name,
        # Only there where somebody stood in.
        **({} if row[11] is None else {"on_behalf_of": ids.encode("per", row[11])}),
    }
    if found != told.data or ids.encode("per", row[6]) != told.actor:
        play.wrong(f"The decision {name} is not the one that was recorded.", told)
    _, said = told.beside.get("decision", (b"", None))
    if said is None:
        return
    words = msgspec.json.decode(said)
    answer = None if words["answer"] is None else canonical(words["answer"])
    if (row[8], None if row[9] is None else bytes(row[9])) != (words["comment"], answer):
        play.wrong(f"The words of the decision {name} are not those that were recorded.", told)
    # Older events commit to no digest, and their rows have none.
    if (None if row[10] is None else show_digest(row[10])) != words.get("shown_digest"):
        play.wrong(f"What was shown for the decision {name} is not what was recorded.", told)
    if row[12] != words.get("dwell_ms"):
        play.wrong(f"How long the decision {name} was looked at is not what was recorded.", told)
