"""What a policy document is made of (policies/document.py reads it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from core.canonical import JSON
from people.schedules.terms import Schedule
from policies.assurance import CHANNELS, Assurance, Channel, Telling
from policies.cel import Condition, Variables
from policies.errors import Place
from policies.payloads import PayloadSchema
from policies.plan import DEFAULT_PERMIT, Comment, Does, Effect, PermitTerms, Risk, Stage
from policies.run_reads import RunFacts
from policies.show import Template

#: How long people have when a rule does not say.
DEADLINES: Final[Mapping[Risk, timedelta]] = {
    "low": timedelta(hours=24),
    "medium": timedelta(hours=8),
    "high": timedelta(hours=4),
    "critical": timedelta(hours=1),
}

#: The least proof of who decides when a rule does not say.
ASSURANCES: Final[Mapping[Risk, Assurance]] = {
    "low": "chat",
    "medium": "chat",
    "high": "session",
    "critical": "mfa",
}


@dataclass(frozen=True, slots=True)
class Member:
    """An e-mail address in a role, normalised as `people` does, and where it is written."""

    email: str
    place: Place


@dataclass(frozen=True, slots=True)
class Role:
    """A named group. `members` is None when the document leaves it to be filled elsewhere.

    `slack` is the id of its channel in Slack. `tell` says how its members are told, what they
    prefer first; empty: the document does not say. `schedule` names that of its members. `group` is
    that of the identity provider whose people are in it besides.
    """

    name: str
    title: str
    members: tuple[Member, ...] | None
    place: Place
    slack: str | None = None
    tell: tuple[Telling, ...] = ()
    schedule: str | None = None
    group: str | None = None

    @property
    def filled_elsewhere(self) -> bool:
        """Return whether the document does not say everybody who is in it."""
        return self.members is None or self.group is not None

    @property
    def empty(self) -> bool:
        """Return whether the document says everybody who is in it, and that is nobody."""
        return not self.filled_elsewhere and not self.members

    @property
    def emails(self) -> frozenset[str]:
        """Return the declared addresses."""
        return frozenset(member.email for member in self.members or ())


@dataclass(frozen=True, slots=True)
class DeclaredSchedule:
    """A schedule as it is written: what it says, and where each of its people stands."""

    name: str
    says: Schedule
    members: tuple[Member, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Action:
    """A type of action. `owner` is a role; pointers are as written."""

    type: str
    title: str
    owner: str
    risk: Risk
    labels: tuple[str, ...]
    schema: PayloadSchema
    show: Template | None
    editable: tuple[str, ...]
    sensitive: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """One line of an escalation as it is written; `times` more follow it, `every` so long.

    The other fields are those of `policies.plan.Step`.
    """

    after: timedelta
    does: Does
    target: str
    via: tuple[Telling, ...]
    business: bool
    every: timedelta | None
    times: int
    place: Place


@dataclass(frozen=True, slots=True)
class Ask:
    """Who is asked and on which terms. None means by the action's risk.

    `channels` say where it may be decided, in the order of `policies.assurance.CHANNELS`.
    `escalation` names one of the document's; `extend` is how much more time a reviewer may give.
    `business` says that `expires_in` counts only the hours in which the role's schedule is open.
    `dwell` is how long somebody must have had the request open before their yes counts.
    """

    stages: tuple[Stage, ...]
    expires_in: timedelta | None = None
    on_expiry: str = "expire"
    comment: Comment = "on_reject"
    permit: PermitTerms = DEFAULT_PERMIT
    channels: tuple[Channel, ...] = CHANNELS
    assurance: Assurance | None = None
    escalation: str | None = None
    extend: timedelta | None = None
    business: bool = False
    dwell: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `ask` is set exactly when the effect is `ask`; `permit` is that of an `allow`."""

    name: str
    action: str
    effect: Effect
    when: Condition | None
    ask: Ask | None
    reason: str | None
    place: Place
    permit: PermitTerms = DEFAULT_PERMIT

    @property
    def reads_run(self) -> bool:
        """Return whether the condition reads the run of a request."""
        return self.when is not None and bool(self.when.reads)

    def covers(self, action: str) -> bool:
        """Return whether the rule speaks of this action: exactly, by prefix `x.*`, or by `*`."""
        if self.action.endswith("*"):
            return action.startswith(self.action[:-1])
        return action == self.action


@dataclass(frozen=True, slots=True)
class Case:
    """A test of the document: what is given, and what shall come of it.

    Every `agent.count(…)` comes to `count`, every `agent.sum(…)` to `sum`. `expect` holds those of
    `effect`, `rule`, `stages`, `approvals`, `channels` and `assurance` that were written, as
    `policies.cases.outcome` has them.
    """

    name: str | None
    action: str
    payload: JSON
    agent_name: str
    agent_owner: str
    count: float
    sum: float
    run: RunFacts | None
    now: datetime
    expect: Mapping[str, JSON]
    place: Place


@dataclass(frozen=True, slots=True)
class Document:
    """A whole policy. Mappings are in the order of the text; `tools` has the labels of each."""

    fallback: str
    roles: Mapping[str, Role]
    actions: Mapping[str, Action]
    rules: tuple[Rule, ...]
    tools: Mapping[str, tuple[str, ...]]
    escalations: Mapping[str, tuple[EscalationStep, ...]]
    tests: tuple[Case, ...]
    variables: Variables = field(repr=False)
    schedules: Mapping[str, DeclaredSchedule] = field(default_factory=dict)

    def action(self, type: str) -> Action | None:
        """Return the declared action of this type, or None."""
        return self.actions.get(type)
