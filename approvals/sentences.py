"""One sentence about a request that may be handed to a model: what was decided, and what to do now."""

from __future__ import annotations

from approvals.frozen import FrozenPlan
from approvals.row import Row
from approvals.status import Basis, Kind, PermitState, Status, WaitingOn


def message(row: Row, plan: FrozenPlan) -> str:
    """The sentence for a request as it stands."""
    said = _message(row, plan)
    return f"{said} What was asked has been erased since." if row.erased_at else said


def _message(row: Row, plan: FrozenPlan) -> str:
    if row.kind == Kind.QUESTION:
        return _question(row)
    match Status(row.status):
        case Status.PENDING if row.waiting_on == WaitingOn.AGENT:
            return _returned(row)
        case Status.PENDING:
            return "Not decided yet: people were asked. Wait for the answer; do not run the action."
        case Status.APPROVED:
            return _approved(row)
        case Status.REJECTED:
            return _rejected(row, plan)
        case Status.EXPIRED:
            return (
                "Nobody decided in time: do not run the action. It was not rejected; "
                "you may submit it again if it is still needed."
            )
        case Status.CANCELLED if row.basis == Basis.KILL_SWITCH:
            return "The kill switch stopped this agent: stop, and do not run the action."
        case Status.CANCELLED:
            return "The request was withdrawn: do not run the action."
        case Status.ANSWERED:
            raise LookupError("only questions are answered")


def _question(row: Row) -> str:
    match Status(row.status):
        case Status.PENDING if row.waiting_on == WaitingOn.AGENT:
            return _returned(row)
        case Status.PENDING:
            return "Not answered yet: people were asked. Wait for the answer."
        case Status.ANSWERED:
            return "People answered: what they said stands in `answer`."
        case Status.REJECTED if row.basis == Basis.POLICY:
            return "Nobody can answer this question: go on without an answer, or ask another role."
        case Status.REJECTED:
            return "A person declined to answer: do not ask the same again." + _reason(row)
        case Status.EXPIRED:
            return "Nobody answered in time. You may ask again if the answer is still needed."
        case Status.CANCELLED:
            return "The question was withdrawn: go on without an answer."
        case Status.APPROVED:
            raise LookupError("a question is not approved")


def _returned(row: Row) -> str:
    asked = [one["text"] for one in row.messages or () if one["kind"] == "return"]
    said = f" They wrote: {asked[-1]}" if asked else ""
    if row.kind == Kind.QUESTION:
        return f"A person gave this question back to you: answer with a message.{said}"
    return (
        "A person gave this back to you: answer with a message, or revise the payload; "
        f"do not run the action.{said}"
    )


def _rejected(row: Row, plan: FrozenPlan) -> str:
    if row.basis == Basis.POLICY:
        why = " ".join(plan.notes) or plan.reason or plan.why
        return f"Policy refused this action: do not run it and do not submit it again unchanged. {why}".strip()
    return (
        "A person rejected this action: do not run it and do not submit it again unchanged."
        + _reason(row)
    )


_PERMIT = {
    PermitState.CONSUMED: "The action was run with the permit of this approval: do not run it again.",
    PermitState.REVOKED: "The approval was taken back: do not run the action.",
    PermitState.LAPSED: "The approval was not used in time: do not run the action; ask again if it is still needed.",
}


def _approved(row: Row) -> str:
    state = row.permit["state"] if row.permit else None
    if state in _PERMIT:
        return _PERMIT[state]
    words = {
        Basis.POLICY: "Policy allows exactly this action: you may run it once.",
        Basis.CLOCK: "Nobody objected in time and policy lets this low-risk action run then: you may run it once.",
        Basis.CONFIRM: "The one who must confirm it did: you may run exactly this action once.",
        Basis.BREAK_GLASS: "Two administrators approved exactly this action past its plan: you may run it once.",
    }
    said = words.get(
        Basis(row.basis or ""), "People approved exactly this action: you may run it once."
    )
    if row.before is not None:
        said += " The payload was changed since you first asked: run the one that stands here."
    return said


def _reason(row: Row) -> str:
    comments = [
        vote["comment"]
        for vote in row.decisions or ()
        if vote["verdict"] == "reject" and vote["comment"] and not vote["void"]
    ]
    return f" Their reason: {comments[-1]}" if comments else ""
