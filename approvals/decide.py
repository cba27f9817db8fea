"""One person's verdict: refused with a reason, or counted.

A transaction locks, looks, then writes the vote and everything that follows from it: votes that no
longer count, the next or an earlier stage, the end.  Nothing is decided on what was read before the
lock.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from psycopg import Connection, errors

from approvals import read
from approvals.access import Reader
from approvals.ballot import Ballot, lock_ballot
from approvals.ends import Ending, end_requests, inbox_of, waiters_of
from approvals.present import render
from approvals.quorum import Result, Tally, Vote, tally
from approvals.sql import INSERT_STAGES
from approvals.stages import Opening, stage_rows
from approvals.status import Basis, Status, Verdict
from audit.actor import Actor
from audit.kinds import DecisionRecorded, DecisionRefused, DecisionVoided, StageOpened
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from core import failpoints, ids
from core.canonical import canonical, parse_digest, show_digest
from core.db import pool
from core.nudge import nudger
from core.problems import FieldError, Problem, conflict, forbidden, invalid

MAX_COMMENT = 4_000
DEADLOCK_TRIES = 3
#: Why a vote became void; the only reason there is so far.
LOST_ELIGIBILITY = "The voter may no longer decide at this stage."

RECORD_VOTE = f"""
WITH voted AS (
    INSERT INTO approvals_decision (
        id, workspace_id, request_id, revision, stage, person_id, verdict, comment, channel, assurance, at)
    VALUES (
        %(decision)s, %(workspace)s, %(request)s, %(revision)s, %(stage)s, %(person)s, %(verdict)s,
        %(comment)s, %(channel)s, %(assurance)s, %(at)s)
),
voided AS (
    UPDATE approvals_decision SET void_at = %(at)s, void_reason = %(void_reason)s
     WHERE id = ANY(%(void)s)
),
moved AS (
    UPDATE approvals_request SET stage = %(open_stage)s, sequence = sequence + 1
     WHERE id = %(request)s AND status = 'pending' AND %(stays_open)s
),
closed AS (
    UPDATE approvals_stage SET closed_at = %(at)s
     WHERE workspace_id = %(workspace)s AND request_id = %(request)s AND revision = %(revision)s
       AND index = %(stage)s AND %(stage)s <> %(open_stage)s AND closed_at IS NULL
),
{INSERT_STAGES},
{INSERT_EVENTS}
SELECT 1
"""

RECORD_EVENTS = f"WITH {INSERT_EVENTS} SELECT 1"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose, what they saw when they chose, and how we know it was them."""

    verdict: Verdict
    stage: int
    payload_digest: bytes
    comment: str
    channel: str
    assurance: str


def choice(
    *, verdict: str, stage: int, payload_digest: str, comment: str, channel: str, assurance: str
) -> Choice:
    """A choice from what a door received.

    Raises:
        Problem: 422 naming the field that does not fit.
    """
    faults: list[FieldError] = []
    if verdict not in Verdict.values:
        faults.append(
            FieldError("/verdict", "unknown_verdict", f"One of {', '.join(Verdict.values)}.")
        )
    if len(comment) > MAX_COMMENT:
        faults.append(FieldError("/comment", "too_long", f"At most {MAX_COMMENT} characters."))
    digest = b""
    try:
        digest = parse_digest(payload_digest)
    except ValueError as error:
        faults.append(FieldError("/payload_digest", "not_a_digest", str(error)))
    if faults:
        raise invalid(faults)
    return Choice(Verdict(verdict), stage, digest, comment.strip(), channel, assurance)


def decide(*, actor: Actor, reader: Reader, request_id: UUID, chosen: Choice) -> bytes:
    """Count one person's verdict on the open stage of a request.

    Args:
        actor: the person, through the channel that proved them.
        reader: the same person in the workspace.
        request_id: the request.
        chosen: the verdict, with the stage and digest that were shown.

    Returns:
        the request object as it stands after the vote.

    Raises:
        Problem: 404 nothing to see; 403 not theirs to decide; 409 ended, late, stale or voted
            already, with the present state in ``request``; 422 a comment is missing.
    """
    with pool().connection() as conn:
        refusal = _decide_patiently(conn, actor, reader, request_id, chosen)
        row = read.rows(conn, [request_id])[0]
    rendered = render(row, for_person=True)
    if refusal is not None:
        if refusal.status == HTTPStatus.CONFLICT:
            refusal.extra["request"] = read.as_value(rendered)
        raise refusal
    failpoints.hit("after_commit_before_nudge")
    nudger.wake(waiters_of(request_id), inbox_of(reader.workspace_id))
    return rendered


def _decide_patiently(
    conn: Connection[Any], actor: Actor, reader: Reader, request_id: UUID, chosen: Choice
) -> Problem | None:
    """Decide in a transaction; once more where PostgreSQL broke a deadlock by ending this one.

    Whoever takes several roles away at once (a policy being applied) locks memberships in an order
    of its own, so a decision may meet it head on.
    """
    for _ in range(DEADLOCK_TRIES - 1):
        with contextlib.suppress(errors.DeadlockDetected):
            return _decide(conn, actor, reader, request_id, chosen)
    return _decide(conn, actor, reader, request_id, chosen)


def _decide(
    conn: Connection[Any], actor: Actor, reader: Reader, request_id: UUID, chosen: Choice
) -> Problem | None:
    with conn.transaction():
        ballot = lock_ballot(conn, reader, request_id)
        refusal = _refusal(ballot, reader, chosen)
        if refusal is None:
            _count(conn, actor, reader, ballot, chosen)
        elif refusal.status == HTTPStatus.FORBIDDEN:
            _record_refusal(conn, actor, ballot, refusal, chosen)
        return refusal


def _refusal(ballot: Ballot, reader: Reader, chosen: Choice) -> Problem | None:
    """Why this choice may not be counted, or None."""
    if ballot.status is not Status.PENDING or ballot.stage is None:
        return conflict(
            "request_ended", f"This request has ended: {ballot.status.value}. Nothing was decided."
        )
    if ballot.now >= ballot.expires_at:
        return conflict("deadline_passed", "The deadline has passed. Nothing was decided.")
    if chosen.payload_digest != ballot.digest:
        return conflict(
            "stale_payload",
            "The payload is not the one you looked at. Nothing was decided: look again.",
        )
    if chosen.stage != ballot.stage:
        return conflict(
            "stale_stage",
            f"Stage {chosen.stage} is not the open one, {ballot.stage} is. Nothing was decided: look again.",
        )
    return _not_theirs(ballot, reader) or _not_now(ballot, reader, chosen)


def _not_theirs(ballot: Ballot, reader: Reader) -> Problem | None:
    assert ballot.stage is not None  # noqa: S101  # _refusal looked
    if ballot.eligible(reader.person_id, ballot.stage):
        return None
    if ballot.stages[ballot.stage].confirm == "owner":
        return forbidden("Only the agent's owner can confirm this request.", code="owner_confirms")
    if reader.person_id == ballot.owner:
        return forbidden("Nobody decides on their own agent's request.", code="own_agent")
    return forbidden("This stage does not ask you.", code="not_asked")


def _not_now(ballot: Ballot, reader: Reader, chosen: Choice) -> Problem | None:
    own = [vote for vote in ballot.votes if vote.person == reader.person_id]
    if any(vote.stage == chosen.stage for vote in own):
        return conflict("already_voted", "You have decided at this stage. Your vote stands.")
    distinct = ballot.plan.stage(chosen.stage).distinct_from_earlier
    if (
        distinct
        and chosen.verdict is Verdict.APPROVE
        and any(
            vote.stage < chosen.stage and vote.verdict is Verdict.APPROVE and vote.eligible
            for vote in own
        )
    ):
        return forbidden(
            "This stage asks for people who approved no earlier one.", code="approved_earlier"
        )
    needed = {"always": True, "on_reject": chosen.verdict is Verdict.REJECT}.get(
        ballot.plan.comment, False
    )
    if needed and not chosen.comment:
        return invalid(
            [FieldError("/comment", "comment_required", "Say why: the policy asks for a reason.")]
        )
    return None


def _count(
    conn: Connection[Any], actor: Actor, reader: Reader, ballot: Ballot, chosen: Choice
) -> None:
    decision = ids.uuid7()
    votes = (
        *ballot.votes,
        Vote(decision, chosen.stage, reader.person_id, chosen.verdict, eligible=True),
    )
    quorums, first = ballot.counted()
    counted = tally(
        quorums,
        [
            Vote(v.id, v.stage - first, v.person, v.verdict, v.eligible)
            for v in votes
            if first <= v.stage < first + len(quorums)
        ],
    )
    opened = None if counted.stage is None else counted.stage + first
    failpoints.hit("decide_before_last_statement")
    conn.execute(
        RECORD_VOTE, _vote_values(actor, reader, ballot, chosen, decision, counted, opened)
    )
    if counted.result is not Result.OPEN:
        approved = counted.result is Result.APPROVED
        # A yes that rests on the owner's own says so, also where people agreed at another stage.
        rests_on = ballot.stages.values() if approved else [ballot.stages[chosen.stage]]
        confirmed = any(asked.confirm is not None for asked in rests_on)
        end_requests(
            conn,
            [Ending(ballot.request, ballot.workspace, ballot.revision, ballot.expires_at)],
            actor=actor,
            outcome=Status.APPROVED if approved else Status.REJECTED,
            basis=Basis.CONFIRM if confirmed else Basis.PEOPLE,
            at=ballot.now,
        )


def _vote_values(
    actor: Actor,
    reader: Reader,
    ballot: Ballot,
    chosen: Choice,
    decision: UUID,
    counted: Tally,
    opened: int | None,
) -> dict[str, Any]:
    moved = opened is not None and opened != chosen.stage
    openings = (
        [
            Opening(
                ballot.workspace, ballot.request, ballot.revision, opened, ballot.plan.stage(opened)
            )
        ]
        if opened is not None and moved
        else []
    )
    facts = _vote_facts(actor, ballot, chosen, decision, counted, opened if moved else None)
    return {
        "decision": decision,
        "workspace": ballot.workspace,
        "request": ballot.request,
        "revision": ballot.revision,
        "stage": chosen.stage,
        "person": reader.person_id,
        "verdict": chosen.verdict.value,
        "comment": chosen.comment,
        "channel": chosen.channel,
        "assurance": chosen.assurance,
        "at": ballot.now,
        "void": [vote.id for vote in counted.void],
        "void_reason": LOST_ELIGIBILITY,
        "open_stage": chosen.stage if opened is None else opened,
        "stays_open": opened is not None,
        **stage_rows(openings, ballot.now),
        **event_rows(facts, ballot.now),
    }


def _vote_facts(
    actor: Actor, ballot: Ballot, chosen: Choice, decision: UUID, counted: Tally, opened: int | None
) -> list[Fact]:
    subject = ("req", ballot.request)
    recorded = DecisionRecorded(
        decision=ids.encode("dec", decision),
        revision=ballot.revision,
        stage=chosen.stage,
        verdict=chosen.verdict.value,
        assurance=chosen.assurance,
    )
    facts = [
        Fact(
            ballot.workspace,
            actor,
            subject,
            recorded,
            {"decision": Commitment(_said(ballot, chosen, actor))},
        )
    ]
    system = Actor.system("lifecycle")
    facts += [
        Fact(
            ballot.workspace,
            system,
            subject,
            DecisionVoided(
                decision=ids.encode("dec", vote.id),
                revision=ballot.revision,
                stage=vote.stage,
                reason="voter_not_eligible",
            ),
        )
        for vote in counted.void
    ]
    if opened is not None:
        reason = "quorum" if opened > chosen.stage else "fell_short"
        data = StageOpened(revision=ballot.revision, stage=opened, reason=reason)
        facts.append(Fact(ballot.workspace, system, subject, data))
    return facts


def _said(ballot: Ballot, chosen: Choice, actor: Actor) -> bytes:
    """What the event commits to: the words, what was shown, and the roles the voter then had."""
    assert ballot.stage is not None  # noqa: S101  # _refusal looked
    roles = sorted(
        role.name
        for role in ballot.plan.stage(ballot.stage).roles
        if actor.id is not None and (actor.id, role.id) in ballot.seats
    )
    return canonical(
        {
            "comment": chosen.comment,
            "payload_digest": show_digest(chosen.payload_digest),
            "roles": roles,
        }
    )


def _record_refusal(
    conn: Connection[Any], actor: Actor, ballot: Ballot, refusal: Problem, chosen: Choice
) -> None:
    data = DecisionRefused(code=refusal.code, verdict=chosen.verdict.value)
    fact = Fact(ballot.workspace, actor, ("req", ballot.request), data)
    conn.execute(RECORD_EVENTS, event_rows([fact], ballot.now))
