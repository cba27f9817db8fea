"""Why a choice may not be counted, looked at under the locks of its ballot.  Pure."""

from __future__ import annotations

from typing import Final

from approvals.access import Reader
from approvals.assurance import unproven
from approvals.ballot import Ballot
from approvals.choices import Choice
from approvals.looks import too_soon
from approvals.quorum import AGREEING
from approvals.status import Kind, Status, Verdict, WaitingOn
from core.problems import FieldError, Problem, conflict, forbidden, invalid


def refusal(ballot: Ballot, reader: Reader, chosen: Choice) -> Problem | None:
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
    if chosen.revision not in (None, ballot.revision):
        return conflict(
            "stale_payload",
            "It was changed after you gave your second factor for it. Nothing was decided: look again.",
        )
    if chosen.stage != ballot.stage:
        return conflict(
            "stale_stage",
            f"Stage {chosen.stage} is not the open one, {ballot.stage} is. Nothing was decided: look again.",
        )
    return (
        _wrong_verdict(ballot, chosen)
        or _not_theirs(ballot, reader)
        or unproven(ballot.plan, chosen)
        or too_soon(ballot, chosen)
        or _not_now(ballot, reader, chosen)
        or _not_said(ballot, chosen)
    )


_VERDICTS: Final = {
    Kind.REQUEST: (Verdict.APPROVE, Verdict.REJECT, Verdict.EDIT, Verdict.RETURN),
    Kind.QUESTION: (Verdict.ANSWER, Verdict.REJECT, Verdict.RETURN),
}


def _wrong_verdict(ballot: Ballot, chosen: Choice) -> Problem | None:
    known = _VERDICTS[ballot.kind]
    if chosen.verdict in known:
        return None
    detail = f"A {ballot.kind.value} takes one of {', '.join(known)}."
    return invalid([FieldError("/verdict", "not_for_this_kind", detail)])


def _not_theirs(ballot: Ballot, reader: Reader) -> Problem | None:
    assert ballot.stage is not None  # noqa: S101  # _refusal looked
    if ballot.seat(reader.person_id, ballot.stage) is not None:
        return None
    confirm = ballot.stages[ballot.stage].confirm
    if confirm == "owner":
        return forbidden("Only the agent's owner can confirm this request.", code="owner_confirms")
    if confirm == "initiator":
        detail = "Only the person who started the run can confirm this request."
        return forbidden(detail, code="initiator_confirms")
    if reader.person_id == ballot.owner:
        return forbidden("Nobody decides on their own agent's request.", code="own_agent")
    if reader.person_id == ballot.initiator:
        return forbidden("Nobody decides on a request of a run that they started.", code="own_run")
    return forbidden("This stage does not ask you.", code="not_asked")


def _not_now(ballot: Ballot, reader: Reader, chosen: Choice) -> Problem | None:
    own = [vote for vote in ballot.votes if vote.person == reader.person_id]
    if any(vote.stage == chosen.stage for vote in own):
        return conflict("already_voted", "You have decided at this stage. Your vote stands.")
    if ballot.waiting_on is WaitingOn.AGENT and chosen.verdict is not Verdict.REJECT:
        return conflict(
            "waiting_on_agent",
            "It was given back to the agent, which has not answered yet. Nothing was decided.",
        )
    return _used(ballot, reader, chosen)


def _used(ballot: Ballot, reader: Reader, chosen: Choice) -> Problem | None:
    """Whether the seat that is left for this person is spent, or they agreed where others are wanted."""
    seat = ballot.seat(reader.person_id, chosen.stage)
    behalf = None if seat is None else seat.on_behalf_of
    people = {reader.person_id, behalf or reader.person_id}
    if (
        chosen.verdict in AGREEING
        and ballot.plan.stage(chosen.stage).distinct_from_earlier
        and any(
            vote.stage < chosen.stage
            and vote.verdict in AGREEING
            and vote.eligible
            and vote.people & people
            for vote in ballot.votes
        )
    ):
        return forbidden(
            "This stage asks for people who approved no earlier one.", code="approved_earlier"
        )
    if behalf is not None and any(
        vote.eligible and vote.stage == chosen.stage and vote.seat == behalf
        for vote in ballot.votes
    ):
        return conflict(
            "seat_used", "Whom you stand in for has decided at this stage. That vote stands."
        )
    return None


def _not_said(ballot: Ballot, chosen: Choice) -> Problem | None:
    """Whether a reason that the policy asks for is missing."""
    rejects = chosen.verdict is Verdict.REJECT
    decides = rejects or chosen.verdict in AGREEING
    needed = {"always": decides, "on_reject": rejects}.get(ballot.plan.comment, False)
    if needed and not chosen.comment:
        return invalid(
            [FieldError("/comment", "comment_required", "Say why: the policy asks for a reason.")]
        )
    return None
