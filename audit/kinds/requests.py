"""What happens to requests and questions, and to the votes on them."""

from __future__ import annotations

from msgspec import Struct

from audit.kinds.base import Data


class StageAsked(Struct, frozen=True, kw_only=True):
    """One stage of a plan, as the log remembers it."""

    roles: list[str]
    approvals: int
    rejections: int
    distinct_from_earlier: bool
    confirm: str | None


class RequestSubmitted(Data, frozen=True, kw_only=True):
    """Commits to ``submission``: payload, plan and what the agent stated."""

    KIND = "request.submitted"
    action: str
    revision: int
    risk: str
    policy_version: int
    effect: str
    rule: str | None
    stages: list[StageAsked]
    expires_at: str
    on_expiry: str
    reason: str | None


class RequestRevised(Data, frozen=True, kw_only=True):
    """The payload was changed, by the agent or by a person's edit, and planned anew.

    Commits to ``submission``: the new payload, its plan and what the agent then stated.
    """

    KIND = "request.revised"
    revision: int
    risk: str
    policy_version: int
    effect: str
    rule: str | None
    stages: list[StageAsked]
    expires_at: str
    on_expiry: str
    reason: str | None


class QuestionAsked(Data, frozen=True, kw_only=True):
    """An agent asked people something.  Commits to ``submission``, as a request does."""

    KIND = "question.asked"
    policy_version: int
    stages: list[StageAsked]
    expires_at: str
    reason: str | None


class RequestReturned(Data, frozen=True, kw_only=True):
    """A person gave it back to the agent.  Commits to ``text``."""

    KIND = "request.returned"
    message: str
    revision: int


class MessageAdded(Data, frozen=True, kw_only=True):
    """The agent answered, or added evidence.  Commits to ``text``: the words and the evidence."""

    KIND = "request.message_added"
    message: str
    revision: int


class CommentAdded(Data, frozen=True, kw_only=True):
    """A person wrote to the others.  Commits to ``text``."""

    KIND = "request.commented"
    message: str
    revision: int


class RequestClaimed(Data, frozen=True, kw_only=True):
    """Somebody said that they, or by ``reassign`` another, look into it."""

    KIND = "request.claimed"
    person: str
    before: str | None


class RequestReleased(Data, frozen=True, kw_only=True):
    KIND = "request.released"
    before: str


class StageOpened(Data, frozen=True, kw_only=True):
    """A later stage was reached, an earlier one fell short again, or the deadline asks one more role."""

    KIND = "request.stage_opened"
    revision: int
    stage: int
    reason: str


class RequestApproved(Data, frozen=True, kw_only=True):
    KIND = "request.approved"
    revision: int
    basis: str


class RequestRejected(Data, frozen=True, kw_only=True):
    KIND = "request.rejected"
    revision: int
    basis: str


class RequestAnswered(Data, frozen=True, kw_only=True):
    """A question got its answer, which the vote that gave it commits to."""

    KIND = "request.answered"
    revision: int
    basis: str


class RequestExpired(Data, frozen=True, kw_only=True):
    KIND = "request.expired"
    revision: int
    basis: str
    due_at: str


class RequestCancelled(Data, frozen=True, kw_only=True):
    """Commits to ``reason`` where one was given."""

    KIND = "request.cancelled"
    revision: int
    basis: str


class DecisionRecorded(Data, frozen=True, kw_only=True, omit_defaults=True):
    """Commits to ``decision``: comment, answer, the digest shown, whose seat, and the roles of it then.

    ``on_behalf_of`` is there only where the person stood in for somebody who was away.
    """

    KIND = "decision.recorded"
    decision: str
    revision: int
    stage: int
    verdict: str
    assurance: str
    on_behalf_of: str | None = None


class DecisionVoided(Data, frozen=True, kw_only=True):
    KIND = "decision.voided"
    decision: str
    revision: int
    stage: int
    reason: str


class DecisionRefused(Data, frozen=True, kw_only=True):
    """Somebody tried to decide and might not, or no longer."""

    KIND = "decision.refused"
    code: str
    verdict: str


class RequestRevoked(Data, frozen=True, kw_only=True):
    """An approval was taken back before it was used.  Commits to ``reason`` where one was given."""

    KIND = "request.revoked"
    revision: int
    by: str


class BreakGlassConfirmed(Data, frozen=True, kw_only=True, omit_defaults=True):
    """An administrator said yes past the plan.  Commits to ``reason``.  Older ones say no ``assurance``."""

    KIND = "break_glass.confirmed"
    revision: int
    assurance: str | None = None


class BreakGlassReviewed(Data, frozen=True, kw_only=True):
    """A third person looked at it afterwards.  Commits to ``comment``."""

    KIND = "break_glass.reviewed"


class SensitiveShown(Data, frozen=True, kw_only=True):
    """A person opened a field that policy calls sensitive."""

    KIND = "request.sensitive_shown"
    revision: int
