"""Counting a vote, and writing it with everything that follows from it, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals.access import Reader
from approvals.ballot import Ballot
from approvals.choices import Choice
from approvals.ends import Ending, end_requests
from approvals.quorum import Result, Tally, Vote, tally
from approvals.sql import INSERT_STAGES
from approvals.stages import Opening, stage_rows
from approvals.status import Basis, Kind, Status
from audit.actor import Actor
from audit.kinds import DecisionRecorded, DecisionVoided, StageOpened
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows
from core import failpoints, ids
from core.canonical import JSON, canonical, show_digest


@dataclass(frozen=True, slots=True)
class Void:
    """Why a verdict does not count: the log's word, and the sentence that people read."""

    reason: str
    text: str


LOST_ELIGIBILITY: Final = Void(
    "voter_not_eligible", "The voter may no longer decide at this stage."
)
PAYLOAD_CHANGED: Final = Void("payload_changed", "The payload was changed after this vote.")
NOT_ASKED: Final = Void("not_asked", "The plan of the changed payload does not ask this person.")
NOT_PROVEN: Final = Void(
    "not_proven",
    "The changed payload is decided elsewhere, or takes a surer proof of who decides, or a longer look.",
)
POLICY_REFUSED: Final = Void("policy_refused", "Policy refuses the changed payload.")

_LIFECYCLE: Final = Actor.system("lifecycle")

RECORD_VOTE = f"""
WITH voted AS (
    INSERT INTO approvals_decision (
        id, workspace_id, request_id, revision, stage, person_id, on_behalf_of_id, verdict, comment, answer, channel,
        assurance, shown_digest, dwell_ms, at)
    VALUES (
        %(decision)s, %(workspace)s, %(request)s, %(revision)s, %(stage)s, %(person)s, %(on_behalf_of)s, %(verdict)s,
        %(comment)s, %(answer)s, %(channel)s, %(assurance)s, %(shown_digest)s, %(dwell_ms)s, %(at)s)
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

RECORD_WORD = f"""
WITH voted AS (
    INSERT INTO approvals_decision (
        id, workspace_id, request_id, revision, stage, person_id, on_behalf_of_id, verdict, comment, answer, channel,
        assurance, shown_digest, dwell_ms, at, void_at, void_reason)
    VALUES (
        %(decision)s, %(workspace)s, %(request)s, %(revision)s, %(stage)s, %(person)s, %(on_behalf_of)s, %(verdict)s,
        %(comment)s, %(answer)s, %(channel)s, %(assurance)s, %(shown_digest)s, %(dwell_ms)s, %(at)s, %(void_at)s, %(void_reason)s)
),
{INSERT_EVENTS}
SELECT 1
"""


def count(
    conn: Connection[Any], actor: Actor, reader: Reader, ballot: Ballot, chosen: Choice
) -> None:
    """Write a vote on the open stage, and whatever it comes to.

    The ballot was locked by this transaction, and the choice was not refused.
    """
    decision = ids.uuid7()
    behalf = _behalf(ballot, reader, chosen)
    own = Vote(decision, chosen.stage, reader.person_id, chosen.verdict, True, behalf)
    quorums, first = ballot.counted()
    counted = tally(
        quorums,
        [
            replace(vote, stage=vote.stage - first)
            for vote in (*ballot.votes, own)
            if first <= vote.stage < first + len(quorums)
        ],
    )
    opened = None if counted.stage is None else counted.stage + first
    failpoints.hit("decide_before_last_statement")
    conn.execute(RECORD_VOTE, _vote_values(actor, reader, ballot, chosen, own, counted, opened))
    if counted.result is not Result.OPEN:
        agreed = counted.result is Result.APPROVED
        end_requests(
            conn,
            [
                Ending(
                    ballot.request,
                    ballot.workspace,
                    ballot.revision,
                    ballot.expires_at,
                    ballot.plan.use_within(ballot.kind),
                )
            ],
            actor=actor,
            outcome=_outcome(ballot, agreed=agreed),
            basis=_basis(ballot, chosen, agreed=agreed),
            at=ballot.now,
        )


def count_nowhere(
    conn: Connection[Any],
    actor: Actor,
    reader: Reader,
    ballot: Ballot,
    chosen: Choice,
    void: Void | None = None,
) -> None:
    """Write a verdict that moves nothing: a return, or one that is void from the start.

    It stands at the ballot's open stage and revision, beside the votes.
    """
    decision = ids.uuid7()
    behalf = _behalf(ballot, reader, chosen)
    facts = [_recorded(actor, ballot, chosen, decision, behalf)]
    if void is not None:
        facts.append(_voided(ballot, decision, ballot.stage or 0, void.reason))
    conn.execute(
        RECORD_WORD,
        {
            **_verdict_values(reader, ballot, chosen, decision, behalf),
            "stage": ballot.stage,
            "void_at": None if void is None else ballot.now,
            "void_reason": None if void is None else void.text,
            **event_rows(facts, ballot.now),
        },
    )


def _outcome(ballot: Ballot, *, agreed: bool) -> Status:
    if not agreed:
        return Status.REJECTED
    return Status.ANSWERED if ballot.kind is Kind.QUESTION else Status.APPROVED


def _basis(ballot: Ballot, chosen: Choice, *, agreed: bool) -> Basis:
    # A yes that rests on somebody's own says so, also where people agreed at another stage.
    rests_on = ballot.stages.values() if agreed else [ballot.stages[chosen.stage]]
    confirmed = any(asked.confirm is not None for asked in rests_on)
    return Basis.CONFIRM if confirmed else Basis.PEOPLE


def _vote_values(
    actor: Actor,
    reader: Reader,
    ballot: Ballot,
    chosen: Choice,
    own: Vote,
    counted: Tally,
    opened: int | None,
) -> dict[str, Any]:
    moved = opened is not None and opened != chosen.stage
    openings = (
        [
            Opening(
                ballot.workspace,
                ballot.request,
                ballot.revision,
                opened,
                ballot.plan,
                again=opened < chosen.stage,
            )
        ]
        if opened is not None and moved
        else []
    )
    facts = _vote_facts(actor, ballot, chosen, own, counted, opened if moved else None)
    return {
        **_verdict_values(reader, ballot, chosen, own.id, own.on_behalf_of),
        "void": [vote.id for vote in counted.void],
        "void_reason": LOST_ELIGIBILITY.text,
        "open_stage": chosen.stage if opened is None else opened,
        "stays_open": opened is not None,
        **stage_rows(openings, ballot.now),
        **event_rows(facts, ballot.now),
    }


def _behalf(ballot: Ballot, reader: Reader, chosen: Choice) -> UUID | None:
    """Whose seat the voter fills; none: their own, or where the plan of an edit does not ask them."""
    seat = ballot.seat(reader.person_id, chosen.stage)
    return None if seat is None else seat.on_behalf_of


def _verdict_values(
    reader: Reader, ballot: Ballot, chosen: Choice, decision: UUID, behalf: UUID | None
) -> dict[str, Any]:
    return {
        "decision": decision,
        "workspace": ballot.workspace,
        "request": ballot.request,
        "revision": ballot.revision,
        "stage": chosen.stage,
        "person": reader.person_id,
        "on_behalf_of": behalf,
        "verdict": chosen.verdict.value,
        "comment": chosen.comment,
        "answer": None if chosen.answer is None else canonical(chosen.answer),
        "channel": chosen.channel,
        "assurance": chosen.assurance,
        "shown_digest": chosen.shown_digest,
        "dwell_ms": ballot.dwell_ms,
        "at": ballot.now,
    }


def _vote_facts(
    actor: Actor, ballot: Ballot, chosen: Choice, own: Vote, counted: Tally, opened: int | None
) -> list[Fact]:
    facts = [_recorded(actor, ballot, chosen, own.id, own.on_behalf_of)]
    facts += [
        _voided(ballot, vote.id, vote.stage, LOST_ELIGIBILITY.reason) for vote in counted.void
    ]
    if opened is not None:
        reason = "quorum" if opened > chosen.stage else "fell_short"
        data = StageOpened(revision=ballot.revision, stage=opened, reason=reason)
        facts.append(Fact(ballot.workspace, _LIFECYCLE, ("req", ballot.request), data))
    return facts


def _recorded(
    actor: Actor, ballot: Ballot, chosen: Choice, decision: UUID, behalf: UUID | None
) -> Fact:
    data = DecisionRecorded(
        decision=ids.encode("dec", decision),
        revision=ballot.revision,
        stage=chosen.stage,
        verdict=chosen.verdict.value,
        assurance=chosen.assurance,
        on_behalf_of=ids.encode("per", behalf) if behalf else None,
    )
    commits = {"decision": Commitment(_said(ballot, chosen, behalf or actor.id, data.on_behalf_of))}
    return Fact(ballot.workspace, actor, ("req", ballot.request), data, commits)


def _voided(ballot: Ballot, decision: UUID, stage: int, reason: str) -> Fact:
    data = DecisionVoided(
        decision=ids.encode("dec", decision), revision=ballot.revision, stage=stage, reason=reason
    )
    return Fact(ballot.workspace, _LIFECYCLE, ("req", ballot.request), data)


def _said(ballot: Ballot, chosen: Choice, seat: UUID | None, on_behalf_of: str | None) -> bytes:
    """What the event commits to: the words, what was shown, whose seat it was, and the roles of that."""
    assert ballot.stage is not None  # noqa: S101  # _refusal looked
    roles = sorted(
        role.name
        for role in ballot.plan.stage(ballot.stage).roles
        if seat is not None and (seat, role.id) in ballot.seats
    )
    more: dict[str, JSON] = {}
    if chosen.shown_digest is not None:
        more["shown_digest"] = show_digest(chosen.shown_digest)
    if ballot.dwell_ms is not None:
        more["dwell_ms"] = ballot.dwell_ms
    if on_behalf_of is not None:
        more["on_behalf_of"] = on_behalf_of
    return canonical(
        {
            "answer": chosen.answer,
            "comment": chosen.comment,
            "payload_digest": show_digest(chosen.payload_digest),
            "roles": roles,
            **more,
        }
    )
