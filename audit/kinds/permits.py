"""Permits, and what came of the actions they let run."""

from __future__ import annotations

from audit.kinds.base import Data


class PermitIssued(Data, frozen=True, kw_only=True):
    """The agent picked up leave to run an approved action once."""

    KIND = "permit.issued"
    permit: str
    revision: int
    key: str
    expires_at: str


class PermitReplaced(Data, frozen=True, kw_only=True):
    """The agent asked for another: the one before it opens nothing any more."""

    KIND = "permit.replaced"
    permit: str


class PermitConsumed(Data, frozen=True, kw_only=True):
    """A tool used it: the action runs."""

    KIND = "permit.consumed"
    permit: str
    revision: int


class PermitRefused(Data, frozen=True, kw_only=True):
    """A tool was refused a permit of this request."""

    KIND = "permit.refused"
    permit: str
    code: str


class PermitLapsed(Data, frozen=True, kw_only=True):
    """An approval that nobody used in time."""

    KIND = "permit.lapsed"
    revision: int


class ResultMissing(Data, frozen=True, kw_only=True):
    """A permit was used, and nobody said in time what came of it."""

    KIND = "result.missing"
    permit: str


class ResultReported(Data, frozen=True, kw_only=True):
    """What the agent says came of an approved action.  Commits to ``detail`` where it gave one."""

    KIND = "result.reported"
    status: str
    cost: str | None


class ActionRecorded(Data, frozen=True, kw_only=True):
    """An action that was taken without asking.  Commits to ``submission``, as a request does."""

    KIND = "action.recorded"
    action: str
    risk: str
    policy_version: int
    effect: str
    rule: str | None
