"""“Escalate now”: a reviewer lets the next step be taken before its time."""

from __future__ import annotations

from uuid import UUID

from approvals import escalating, read
from approvals.access import Reader
from approvals.handling import must_be_asked
from approvals.present import render
from approvals.sql import ESCALATE
from audit.actor import Actor
from core import failpoints
from core.db import pool
from core.due import INSERT_DUE, Promise, due_rows
from core.problems import conflict
from escalations import records, stepping
from escalations.ladder import next_step


def escalate_now(*, actor: Actor, reader: Reader, request_id: UUID) -> bytes:
    """Take the next step of the open stage at once; the request object then.

    Later steps keep their time.  The deadline is no step that anybody can call for.

    Raises:
        Problem: 404 nothing to see; 403 ``not_asked``; 409 it has ended or is late, waits for its agent,
            or ``nothing_to_escalate``: every step was taken.
    """
    read.for_person(reader=reader, request_id=request_id)
    with pool().connection() as conn:
        with conn.transaction():
            opens = escalating.lock(conn, [request_id])
            if not opens:
                raise conflict("request_ended", "This request has ended.")
            (one,) = opens
            must_be_asked(conn, request_id, reader.person_id)
            if one.now >= one.expires_at:
                raise conflict("deadline_passed", "The deadline has passed.")
            if one.stands_still:
                detail = "It waits for its agent's answer: nothing escalates meanwhile."
                raise conflict("waiting_on_agent", detail)
            numbers = {step.number for step in records.done(conn, opens)[request_id]}
            number = next_step(one.plan.escalation, numbers)
            if number is None:
                raise conflict("nothing_to_escalate", "Every step of its escalation was taken.")
            taken = stepping.take_now(conn, one, number, by=reader.person_id, actor=actor)
            if taken.state == "skipped":
                promise = Promise(ESCALATE, one.workspace, one.request, one.now)
                conn.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows([promise]))
        row = read.rows(conn, [request_id])[0]
    failpoints.hit("after_commit_before_nudge")
    stepping.wake([taken])
    return render(row, for_person=True)
