"""Past the plan in an emergency: two administrators say yes, and a third person looks at it afterwards.

Neither of the two owns the agent or started the run; both are administrators at the moment of the
second yes, and both said yes to exactly this payload, proven as surely as the plan asks of a decision, and
at least by a session.  It is no way around a refusal: what policy or people ended stays ended.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from agents.sql import LOCK_FOR_DECIDING
from approvals import read
from approvals.access import Reader
from approvals.assurance import enough, more
from approvals.ends import Ending, end_requests, inbox_of, waiters_of
from approvals.frozen import decode
from approvals.held import Held, hold
from approvals.present import render
from approvals.status import Basis, Kind, Status
from audit.actor import Actor
from audit.kinds import BreakGlassConfirmed, BreakGlassReviewed
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from core import failpoints, ids
from core.db import pool
from core.nudge import nudger
from core.problems import conflict, forbidden
from people.sql import ADMINISTRATORS, HOLD_PEOPLE

NEEDED: Final = 2
#: The least proof of who says so, also where the plan would take less.
LEAST: Final = "session"

_LOCK_AGENT: Final = LOCK_FOR_DECIDING.format(
    agent="(SELECT agent_id FROM approvals_request WHERE id = %(request)s AND workspace_id = %(workspace)s)"
)
_EARLIER: Final = """
SELECT person_id FROM approvals_breakglass WHERE request_id = %(request)s AND revision = %(revision)s
"""
_CONFIRM: Final = f"""
WITH confirmed AS (
    INSERT INTO approvals_breakglass (id, workspace_id, request_id, revision, person_id, reason, at)
    VALUES (%(id)s, %(workspace)s, %(request)s, %(revision)s, %(person)s, %(reason)s, %(at)s)
),
moved AS (UPDATE approvals_request SET sequence = sequence + 1 WHERE id = %(request)s),
{INSERT_EVENTS}
SELECT 1
"""
_REVIEW: Final = f"""
WITH reviewed AS (
    INSERT INTO approvals_breakglassreview (request_id, workspace_id, person_id, comment, at)
    VALUES (%(request)s, %(workspace)s, %(person)s, %(comment)s, %(at)s)
),
moved AS (UPDATE approvals_request SET sequence = sequence + 1 WHERE id = %(request)s),
{INSERT_EVENTS}
SELECT 1
"""
_REVIEWED: Final = "SELECT 1 FROM approvals_breakglassreview WHERE request_id = %(request)s"


def confirm(
    *,
    actor: Actor,
    reader: Reader,
    request_id: UUID,
    payload_digest: bytes,
    reason: str,
    assurance: str,
    revision: int | None = None,
) -> bytes:
    """An administrator says yes past the plan; the second one ends it approved.

    Args:
        payload_digest: 32 bytes: the payload that was looked at.
        reason: why it cannot wait for those whom the plan asks; not empty.
        assurance: how surely it is known who says so (`policies.assurance`).
        revision: the one that a second factor was given for; None: none was.

    Returns:
        the request object as it then stands.

    Raises:
        Problem: 404 nothing to see; 401 it takes a surer proof; 403 no administrator, or their own; 409
            ended, late, another payload, a question, or confirmed by them before.
    """
    read.for_person(reader=reader, request_id=request_id)
    with pool().connection() as conn:
        with conn.transaction():
            held, owner = _hold(conn, reader, request_id)
            _check_open(held, payload_digest, revision)
            _check_not_own(held, owner, reader.person_id)
            earlier = _administrators(conn, reader, request_id, held)
            _check_proven(held, assurance)
            _write(conn, actor, reader, request_id, held, reason, assurance)
            if len(earlier) + 1 >= NEEDED:
                ending = Ending(
                    request_id,
                    reader.workspace_id,
                    held.revision,
                    held.expires_at,
                    decode(held.plan).use_within(held.kind),
                )
                failpoints.hit("decide_before_last_statement")
                end_requests(
                    conn,
                    [ending],
                    actor=actor,
                    outcome=Status.APPROVED,
                    basis=Basis.BREAK_GLASS,
                    at=held.now,
                )
        row = read.rows(conn, [request_id])[0]
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(reader.workspace_id))
    return render(row, for_person=True)


def review(*, actor: Actor, reader: Reader, request_id: UUID, comment: str) -> bytes:
    """A third person looked at it; the request object then.

    Raises:
        Problem: 404 nothing to see; 403 one of the two, the owner, or the initiator; 409 it did not
            end so, or was reviewed.
    """
    row = read.for_person(reader=reader, request_id=request_id)
    if row.basis != Basis.BREAK_GLASS:
        raise conflict("not_break_glass", "It was not approved past its plan.")
    own = {row.owner_id, row.initiator_id}
    confirmed = {UUID(one["person_id"]) for one in row.confirmations or ()}
    if reader.person_id in own | confirmed:
        detail = (
            "Somebody else reviews it: not who approved it, owns the agent, or started the run."
        )
        raise forbidden(detail, code="not_a_third_person")
    with pool().connection() as conn:
        with conn.transaction():
            held = hold(conn, reader.workspace_id, request_id)
            if conn.execute(_REVIEWED, {"request": request_id}).fetchone() is not None:
                raise conflict("already_reviewed", "It was reviewed.")
            commits = {"comment": Commitment(comment.encode())}
            fact = Fact(
                reader.workspace_id, actor, ("req", request_id), BreakGlassReviewed(), commits
            )
            values = _values(reader, request_id, held) | {"comment": comment}
            conn.execute(_REVIEW, values | event_rows([fact], held.now))
        row = read.rows(conn, [request_id])[0]
    nudger.wake(waiters_of(request_id), inbox_of(reader.workspace_id))
    return render(row, for_person=True)


def _hold(conn: Connection[Any], reader: Reader, request_id: UUID) -> tuple[Held, UUID]:
    """The locks in their one order: agent, request; then people."""
    values = {"request": request_id, "workspace": reader.workspace_id}
    owner = conn.execute(_LOCK_AGENT, values).fetchone()
    held = hold(conn, reader.workspace_id, request_id)
    assert owner is not None  # noqa: S101  # a request has an agent
    return held, owner[0]


def _check_open(held: Held, payload_digest: bytes, revision: int | None) -> None:
    if held.kind is not Kind.REQUEST:
        raise conflict("not_for_questions", "A question is not approved past its plan.")
    held.check_pending()
    if held.digest != payload_digest or revision not in (None, held.revision):
        raise conflict(
            "stale_payload",
            "The payload is not the one you looked at. Nothing was decided: look again.",
        )


def _check_proven(held: Held, assurance: str) -> None:
    asked = decode(held.plan).assurance
    needed = asked if enough(asked, LEAST) else LEAST
    if not enough(assurance, needed):
        raise more(needed)


def _check_not_own(held: Held, owner: UUID, person: UUID) -> None:
    if person == owner:
        raise forbidden("Nobody decides on their own agent's request.", code="own_agent")
    if person == held.initiator:
        raise forbidden("Nobody decides on a request of a run that they started.", code="own_run")


def _administrators(
    conn: Connection[Any], reader: Reader, request_id: UUID, held: Held
) -> set[UUID]:
    """Who said yes to this revision before and is an administrator still; the reader must be one."""
    values = {"request": request_id, "revision": held.revision}
    before = {row[0] for row in conn.execute(_EARLIER, values)}
    asked = {"people": [*before, reader.person_id], "workspace": reader.workspace_id}
    conn.execute(HOLD_PEOPLE, asked)
    still = {row[0] for row in conn.execute(ADMINISTRATORS, asked)}
    if reader.person_id not in still:
        raise forbidden(
            "Only administrators of the workspace approve past the plan.", code="not_administrator"
        )
    if reader.person_id in before:
        raise conflict("already_confirmed", "You said yes: another administrator must, too.")
    return before & still


def _values(reader: Reader, request_id: UUID, held: Held) -> dict[str, Any]:
    return {
        "id": ids.uuid7(),
        "workspace": reader.workspace_id,
        "request": request_id,
        "revision": held.revision,
        "person": reader.person_id,
        "at": held.now,
    }


def _write(
    conn: Connection[Any],
    actor: Actor,
    reader: Reader,
    request_id: UUID,
    held: Held,
    reason: str,
    assurance: str,
) -> None:
    data = BreakGlassConfirmed(revision=held.revision, assurance=assurance)
    commits = {"reason": Commitment(reason.encode())}
    fact = Fact(reader.workspace_id, actor, ("req", request_id), data, commits)
    values = _values(reader, request_id, held) | {"reason": reason}
    conn.execute(_CONFIRM, values | event_rows([fact], held.now))
