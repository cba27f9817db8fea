"""A reviewer's edit: a changed payload, planned anew, to which its author agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection

from approvals import planning
from approvals.access import Reader
from approvals.assurance import unproven
from approvals.ballot import Ballot, lock_ballot
from approvals.choices import Choice
from approvals.counting import lock_for_counting
from approvals.looks import too_soon
from approvals.revising import Held, change
from approvals.voting import NOT_ASKED, NOT_PROVEN, POLICY_REFUSED, count, count_nowhere
from audit.actor import Actor
from core.canonical import JSON
from core.problems import FieldError, Problem, invalid
from policies import pointers

_AGENT_OF: Final = """
SELECT agent_id FROM approvals_request WHERE id = %(request)s AND workspace_id = %(workspace)s
"""


def lock_agent(conn: Connection[Any], reader: Reader, request_id: UUID) -> None:
    """Take the agent's lock as counting plans do, before the weaker one of a decision.

    A request's agent never changes, so it may be read before anything is locked.
    """
    found = conn.execute(
        _AGENT_OF, {"request": request_id, "workspace": reader.workspace_id}
    ).fetchone()
    if found is not None:
        lock_for_counting(conn, found[0])


def edit(
    conn: Connection[Any], actor: Actor, reader: Reader, ballot: Ballot, chosen: Choice
) -> None:
    """Make a new revision of the payload, and count its author's yes where its plan lets them decide.

    Raises:
        Problem: 422 for a place that is not editable, or a value that does not fit.
    """
    payload = edited(msgspec.json.decode(ballot.payload), ballot.plan.editable, chosen.edits)
    situation = planning.read_situation(conn, ballot.request)
    held = Held(
        id=ballot.request,
        workspace=ballot.workspace,
        revision=ballot.revision,
        expires_at=ballot.expires_at,
        action=ballot.action,
        digest=ballot.digest,
        plan=ballot.plan,
        now=ballot.now,
    )
    try:
        changed = change(
            conn,
            actor=actor,
            held=held,
            situation=situation,
            payload=payload,
            author=reader.person_id,
        )
    except Problem as problem:
        raise _at_edits(problem, chosen.edits) from problem
    if changed.refused:
        count_nowhere(conn, actor, reader, ballot, chosen, POLICY_REFUSED)
        changed.end(conn)
        return
    # What they changed themselves, they have read as long as what stood there before.
    anew = replace(lock_ballot(conn, reader, ballot.request), looked_for=ballot.looked_for)
    agreed = replace(chosen, stage=0, payload_digest=anew.digest)
    if anew.seat(reader.person_id, 0) is None:
        count_nowhere(conn, actor, reader, anew, agreed, NOT_ASKED)
    elif (unproven(anew.plan, agreed) or too_soon(anew, agreed)) is not None:
        count_nowhere(conn, actor, reader, anew, agreed, NOT_PROVEN)
    else:
        count(conn, actor, reader, anew, agreed)


def edited(payload: JSON, editable: Sequence[str], edits: Mapping[str, JSON]) -> JSON:
    """The payload with these values at these places; the one that is given is not changed.

    Args:
        editable: JSON pointers that policy lets people edit, with all that lies below them.
        edits: JSON pointers and the values that shall stand there.

    Raises:
        Problem: 422 naming each place that is not editable, not there, or inside another.
    """
    allowed = [pointers.parse(one) for one in editable]
    faults: list[FieldError] = []
    steps_of: dict[str, tuple[str, ...]] = {}
    for text in edits:
        try:
            steps = pointers.parse(text)
        except pointers.BadPointerError as error:
            faults.append(_fault(text, "not_a_pointer", str(error)))
            continue
        if not any(steps[: len(one)] == one for one in allowed):
            names = ", ".join(editable) or "nothing"
            faults.append(_fault(text, "not_editable", f"The policy lets people edit {names}."))
        elif any(_overlap(steps, other) for other in steps_of.values()):
            faults.append(_fault(text, "overlaps", "Another edit lies within this place."))
        steps_of[text] = steps
    whole = deepcopy(payload)
    if not faults:
        faults = [
            _fault(text, "not_there", "The payload has nothing to edit there.")
            for text, steps in steps_of.items()
            if not _put(whole, steps, edits[text])
        ]
    if faults:
        raise invalid(faults, detail="The edit cannot be made. Nothing was decided.")
    return whole


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _put(whole: JSON, steps: tuple[str, ...], value: JSON) -> bool:
    """Put a value into an object's member (which may be new) or a list's item (which may not)."""
    try:
        parent = pointers.follow(whole, steps[:-1])
        if isinstance(parent, dict) and steps:
            parent[steps[-1]] = value
            return True
        pointers.follow(whole, steps)
        if isinstance(parent, list):
            parent[int(steps[-1])] = value
            return True
    except pointers.AbsentError:
        pass
    return False


def _fault(pointer: str, code: str, detail: str) -> FieldError:
    return FieldError(f"/edits{pointers.step_to(pointer)}", code, detail)


def _at_edits(problem: Problem, edits: Mapping[str, JSON]) -> Problem:
    """The same problem, naming the edit where the payload's fault lies in one."""

    def place(fault: FieldError) -> FieldError:
        inside = fault.pointer.removeprefix("/payload")
        for text in edits:
            if inside == text or inside.startswith(text + "/"):
                return _fault(text, fault.code, fault.detail)
        return fault

    problem.errors = [place(fault) for fault in problem.errors]
    return problem
